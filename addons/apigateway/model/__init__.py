"""The vocabulary: what a provider declares, as frozen values.

group            API groups, their domains, environments (cors: calls from browsers)
api              the definition of one API: request, backend, parameters, result (openid)
app              callers: apps, their secrets, their grants (secret: a value that never prints)
policy           throttling policies, signature keys, VPC authorizations, IP control, bindings
settings         what `gateway.yaml` says
windows          the second, minute, hour or day of a time zone that a moment lies in
release          one released version of one API in one environment
domain_binding   which group has an independent domain
catalog          everything above, compiled: what one call is decided against
catalog_memo     what a stage works out once for a catalog, and reads for every call
record, audit    what is written down of a call, and of a change
worker           what a process says of itself

Nothing here reads a file, a clock or a socket; only `windows` reads the system's time zones.
"""
