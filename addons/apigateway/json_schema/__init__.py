"""A provider's JSON Schema (2020-12). Pure.

parts         the words that hold other schemas, and walks along them
cost          how often a schema is asked about one value
writing       a schema as the library gets it
judging       documents by their schema, in bounded time
violations    what is said of a document that breaks one
"""
