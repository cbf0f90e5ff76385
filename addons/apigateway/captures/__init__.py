"""Captured requests, from where people have them: each kind is read by a module of its own.

reading     the way in: tells the kind by the content, mitmproxy's own flows among them
curl        curl lines, as people type them and browsers copy them
har         a HAR, and the answer of the demo backend, which says what it received
http_text   the text of an HTTP/1.1 request
sent        what curl lines, HARs and texts come to: a request with where it was sent
"""
