"""HTTP as the gateway reads it, and what a definition asks of it. Pure.

wire                     fields, paths, queries and forms
documents, multipart_body    bodies: JSON with one meaning, multipart/form-data
matching                 the one API that a method and a path lead to
parameters, patterns     declared parameters as compiled rules; patterns in linear time
client_address           whose call it is behind proxies
cors                     calls from browsers
"""
