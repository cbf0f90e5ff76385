"""Backends are called here: names are resolved, connections kept, requests written, answers read.

`sending` is the way in; `pool` keeps connections, of which each is a `connection`; `turns` says how
many calls go at a time, `tls` whom HTTPS believes; `resolver` turns names into addresses.
"""
