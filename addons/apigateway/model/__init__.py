"""The vocabulary: what a provider declares, as frozen values.

group       API groups, their domains, environments
api         the definition of one API: request, backend, parameters, result
app         callers: apps, their secrets, their grants
policy      throttling policies, signature keys, VPC authorizations, IP control, bindings
settings    what `gateway.yaml` says
release     one released version of one API in one environment
catalog     everything above, compiled: what one call is decided against; catalog_memo keeps
            what is worked out of one
windows     the second, minute, hour or day of a time zone that a moment lies in

Nothing here reads a file, a clock or a socket.
"""
