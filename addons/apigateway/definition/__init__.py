"""Definitions: YAML -> model, once, with file:line:column for everything that is wrong.

places           which file is what: the folder says the kind
document         YAML as plain data with positions (scalars, syntax)
shape            the JSON Schemas in schema/, compiled (wording: what people read)
parse, dump      an API's document as the model's Api, and back
parse_policies   settings, groups, apps, policies, grants and bindings (secrets, ids)
check_api        the rules of one API (check_backend, json_schema, values, paths, headers)
check, links     the rules between definitions
load             all of it: a Project, or every problem
compile          Project and releases -> Catalog
"""
