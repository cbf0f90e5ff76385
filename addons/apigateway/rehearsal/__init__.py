"""What a release would do to calls that were captured, tried before it is made.

sides       what is live and what would be: two catalogs that share all that stays
causes      why calls would end otherwise, in words, with a name to accept it by
showing     calls and differences without the secrets that are in them
rehearsal   every call through both, and what differs, by cause
report      the outcome as JSON data
page        the outcome as one HTML page
"""
