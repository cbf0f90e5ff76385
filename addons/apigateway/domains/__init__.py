"""Independent domains: whether they lead to their group, and what follows when they do not.

Guide, "Domain name and certificate". The YAML says which domain belongs to which group; the store
keeps what DNS said of it.

states    which domains are served, by what is declared, what is on record and what time it is
rules     who may bind a domain
verify    what DNS says
steps     what an answer of DNS makes of a binding
record    what is written of that
keeper    all of it in the background; the command `apigateway domains` does it by hand
"""
