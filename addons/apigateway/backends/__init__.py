"""Backends are called here: names are resolved, connections kept, requests written, answers read.

`sending` is the way in; `pool` keeps connections, of which each is a `connection`; `faults` names
what can go wrong; `resolver` turns names into addresses.
"""
