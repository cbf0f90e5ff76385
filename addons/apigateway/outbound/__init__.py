"""What the gateway sends to a backend. Pure.

names                the names that belong to the gateway in a backend's request
values               where each value goes and how it is found, compiled from a definition
system_parameters    what the gateway itself tells a backend
body                 the caller's own bytes, or fields and parts made anew
"""
