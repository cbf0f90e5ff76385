"""The record of bindings in the store, with its audit log. All of it blocks."""

from apigateway.definition.project import Project
from apigateway.domains.steps import Changes, Record, audit_entries
from apigateway.ports import Audit, DomainBindings


def on_record(bindings: DomainBindings) -> Record:
    """Raises: StoreUnavailable."""
    return {binding.domain: binding for binding in bindings.all()}


def put_on_record(
    bindings: DomainBindings,
    audit: Audit,
    project: Project,
    before: Record,
    changes: Changes,
    *,
    by: str,
    now_ms: int,
) -> Changes:
    """Make the changes that are any, and return them.

    DNS takes its time: what is no longer as it was in `before` was recorded by somebody else
    meanwhile, and stays. Without a change nothing is written: what is written makes every process
    load again.

    Raises: StoreUnavailable.
    """
    changes = {name: after for name, after in changes.items() if after != before.get(name)}
    if not changes:
        return changes
    present = on_record(bindings)
    changes = {
        name: after for name, after in changes.items() if present.get(name) == before.get(name)
    }
    if put := [after for after in changes.values() if after is not None]:
        bindings.record(put)
    if gone := [name for name, after in changes.items() if after is None]:
        bindings.forget(gone)
    if entries := list(audit_entries(project, before, changes, by, now_ms)):
        audit.write(entries)
    return changes
