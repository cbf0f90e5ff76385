"""What a running gateway process says of itself, for whoever asks how it is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus:
    """One process of one machine. Times are milliseconds since the epoch, 0 for never.

    `catalog` is a short digest of what it serves: two processes with the same one serve the same.
    `changes` is the number of the store's changes that it has seen. `problems` is why the last
    reload changed nothing, as lines of `file:line:column: what; how to mend` ("" when it did).
    """

    machine: str
    process: int
    number: int
    version: str
    started_ms: int
    seen_ms: int
    loaded_ms: int
    load_ms: float
    catalog: str
    changes: int
    apis: int
    apps: int
    reloads: int
    failed_reloads: int
    failed_ms: int
    problems: str
