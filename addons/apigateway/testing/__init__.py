"""Definitions under test: a pytest plug-in that keeps captures as regression tests of them.

`plugin` is what pytest loads, `loading` reads the folders once, `gateway` is what the fixture is.
`replayed` is what became of a capture; `made` are calls that a test makes, `judged` what became of
one.
"""
