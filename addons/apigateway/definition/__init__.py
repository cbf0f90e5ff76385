"""Definitions: YAML -> model, once, with file:line:column for everything that is wrong.

places             which file is what: the folder says the kind (stamps, sources: is it another)
document           YAML as plain data with positions (scalars, syntax, plain_yaml)
shape              the JSON Schemas in schema/, compiled (wording: what people read)
parse, dump        an API's document as the model's Api, and back (api_file, openid)
parse_policies     groups, apps and policies (secrets, ids, certificates, backend_tls)
parse_settings     gateway.yaml (parse_store, parse_domains)
parse_links        grants.yaml and bindings.yaml, before their names are looked up
check_api          the rules of one API (check_backend, check_schema, values, paths, headers)
check, links       the rules between definitions (check_group, check_variables)
reader             all of it again and again: gather, group by group, what has changed
cache              what was read, kept for the next start
load               all of it once: a Project, or every problem
compile            Project and releases -> Catalog (bindings: what acts on an API)
"""
