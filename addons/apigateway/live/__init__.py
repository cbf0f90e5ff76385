"""A running gateway keeps up with its files and its store: one swap for each change.

loading          project and releases -> what is served, in a thread of its own
quiet            the interpreter while something is loaded beside the calls
differences      what is another between two projects, in words
watch            the file system says that something may have changed
reloader         when to look, what to do with it, and what to say about it
upkeep           all that goes on beside the calls, started and stopped
status           what this process tells of itself, in the store
metrics          the same for Prometheus, and metrics_server its address
"""
