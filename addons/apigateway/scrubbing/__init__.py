"""Captures without secrets: what is a secret of a call, and what stands in its place.

`names` says which names tell, `hiding` gives each secret of a call its placeholder, `texts` and
`bodies` find what stands below such names, `spelled` finds a value wherever and however it is
written, `tokens` and `trails` know what those hold, `codings` how a body is packed; `scrub` does
one call and `scrubber` a capture, each call judged before and after.
"""
