"""What is lived, kept behind the ports: counters, nonces, releases, call records.

sqlite       the store that serves: one file, shared by any number of processes of one machine
memory       the same ports without a file, for tests

What `sqlite` is made of:
windows      how a call is counted (pure)
connection   one SQLite connection: transactions, a busy database, errors as StoreUnavailable
migrations   the schema and how it grows
counters     nonces     releases     calls         one port each
recorder     the thread behind the calls: record batches, checkpoints, purges
"""
