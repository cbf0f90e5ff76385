"""Everything that writes a project's files.

The YAML is the one truth for what is configured, so commands that grant, reset or delete change
these files, as a person with an editor would: only what is meant, with the comments left alone.

spans        where each value of a text stands
rendering    new values as text
alignment    which part of old data is which part of new
patches, brackets, text    a text with other data in it
files        one file in one step
lock         one editor at a time
reading      reading beside commands that edit
editor       what the edits would make of the project, and only then the edits
entries      the entries of a list that say what is meant
references   who names a thing that is to go
export       a released document as the file it would be
grants, bindings, apps, apis, domains, secret_values    what is edited, as plain data
"""
