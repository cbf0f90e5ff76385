"""What a command's exit code tells a script."""

DONE = 0
"""Done, or nothing to do."""

REFUSED = 1
"""The definitions, the store or a rule of the gateway stands against it; nothing was changed."""

USAGE = 2
"""The command line itself is wrong (click's own code)."""

DIFFERENT = 3
"""`diff`: there are differences. `plan`: a change would break callers."""

OVERTAKEN = 4
"""Somebody else changed it meanwhile; nothing was changed."""
