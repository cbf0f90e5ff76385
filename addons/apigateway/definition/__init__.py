"""Definitions: YAML -> model, once, with file:line:column for everything that is wrong.

places       which file is what
document     YAML as plain data with positions
shape        the JSON Schemas in schema/, compiled
parse, dump  an API's document as the model's Api, and back
parse_policies  settings, groups, apps, policies, grants and bindings
check_api    the rules of one API
check, links the rules between definitions
load         all of it: a Project, or every problem
compile      Project and releases -> Catalog
"""
