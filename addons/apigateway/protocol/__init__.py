"""HTTP as the gateway reads it, and what a definition asks of it. Pure.

wire              fields, paths, queries and forms
documents         JSON with one meaning
multipart_body    multipart/form-data, from bytes to parts and back
matching          the one API that a method and a path lead to
parameters        declared parameters as compiled rules
patterns          a provider's patterns, in linear time
client_address    whose call it is behind proxies
"""
