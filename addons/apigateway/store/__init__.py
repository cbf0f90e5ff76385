"""What is lived, kept behind the ports: counters, nonces, releases, call records.

sqlite       the store that serves: one file, shared by any number of processes of one machine
redis        the store of several machines: Redis or Valkey, and a file for call records
memory       the same ports without a file, for tests
door         the one of them that the settings ask for
windows      how a call is counted, in every store (pure)

What `sqlite` is made of:
connection   one SQLite connection: transactions, a busy database, errors as StoreUnavailable
migrations   the schema and how it grows
counters     nonces     releases     calls         one port each
recorder     the thread behind the calls: record batches, checkpoints, purges

What `redis` is made of:
redis_line       the connections of the event loop
redis_counters   redis_releases     the ports
scripts      lua/*.lua, each of which the server runs as one step
"""
