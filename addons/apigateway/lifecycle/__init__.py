"""The life of an API, from draft to release and back: one verb, one function.

Guide, "API release management", "Release history and version switching". Commands, a start and a
reload only translate into these.

start        what a start or a reload releases by itself
serving      which version is served: switch, roll back, abolish
compare      what differs between a release and a draft, field by field
breaking/    what one kind of change does to calls
impact       what a release would break, and for whom
plan         what a release would do, written down
release      a plan carried out, all of it or nothing
"""
