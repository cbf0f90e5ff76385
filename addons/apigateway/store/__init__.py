"""What is lived, kept behind the ports: counters, nonces, releases, call records, the audit log,
domain bindings, and what the processes say of themselves.

sqlite       the store that serves: one file, shared by any number of processes of one machine
redis        the store of several machines: Redis or Valkey, and a file for what is of one machine
memory       memory_desk       the same ports without a file, for tests
door         the one of them that the settings ask for

What every store goes by (pure):
windows      how a call is counted
release_changes    what changes of what is served come to
released     releases that were read are not read again
digests      what stands for a nonce
canonical    plain data as text

What `sqlite` is made of:
connection   one SQLite connection: transactions, a busy database, errors as StoreUnavailable
migrations   the schema and how it grows
ledger       group_commit    the path of a call: nonce and counts in one transaction, shared
             by calls that come at the same moment
counters     nonces     releases     audit     domain_bindings     workers     calls
             one port each
recorder     purges     the thread behind the calls: record batches, checkpoints, purges

What `redis` is made of:
redis_line   redis_counters    the connections of the event loop, and the ports on the path of calls
redis_desk   redis_releases    redis_audit     redis_domain_bindings
             one client for any number of threads, and the ports beside the path
scripts      lua/*.lua, each of which the server runs as one step

A change of what is served is one step everywhere: one SQLite transaction, one MULTI and EXEC in
Redis. It is made with its audit entries and with the number that tells other processes, or not
at all; tests/unit/store/test_release_kill.py kills a release at each of its writes.
"""
