"""Hooks without the search for them.

For each event mitmproxy walks all add-ons and asks each whether it has the hook. Here the answer
is kept, a table for each hook, until anything changes that could change it: an add-on comes or
goes, a script is loaded anew, an option is set. Order, errors and AddonHalt are mitmproxy's own;
the hooks of the life cycle (load, configure, running, done) are left to it.
"""

import inspect
import operator
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

from mitmproxy import addonmanager, exceptions, hooks
from mitmproxy.addonmanager import AddonManager
from mitmproxy.flow import Flow

from apigateway.fast.known import Undo, Unknown, check_known
from apigateway.fast.looks import plain

Hook = Callable[..., Any]
Group = tuple[int, tuple[Hook, ...] | None]
"""The hooks of one top-level add-on and its children, None where mitmproxy would complain of one;
the number is its place in the chain."""

IsIdle = Callable[[object, str], bool]
"""Whether an add-on's hook has nothing to do under the present options."""

CHANGING = ("register", "remove", "add", "clear")
LIFE_CYCLE = frozenset({"load", "configure", "running", "done"})

KNOWN = ((addonmanager, "b82959bb50bdd162 8bcd3e525bd47a44"), (hooks.Hook.args, "b4c12a0f066639e0"))


Shorten = Callable[[object, str, Hook], Hook]
"""What is called in the place of an add-on's hook: the hook, or a shorter way to the same end."""


def never(addon: object, hook: str) -> bool:
    return False


class Dispatch:
    """In the place of `trigger_event` and `handle_lifecycle` of one add-on manager."""

    def __init__(
        self, addons: AddonManager, is_idle: IsIdle = never, shorten: Shorten = plain
    ) -> None:
        self._addons = addons
        self._is_idle = is_idle
        self._shorten = shorten
        self._tables: dict[str, tuple[Group, ...]] = {}
        self._changes = 0
        self._chain: list[Any] = addons.chain
        self._length = len(self._chain)
        self._stock = addons.trigger_event

    def install(self) -> Undo:
        """
        Raises:
            Unknown
        """
        check_known(KNOWN)
        addons: Any = self._addons
        if "trigger_event" in vars(addons):
            raise Unknown("another add-on has changed how hooks are called")
        ours = {name: self._forgetting(getattr(addons, name)) for name in CHANGING}
        ours |= {"trigger_event": self.trigger_event, "handle_lifecycle": self.handle_lifecycle}
        for name, method in ours.items():
            setattr(addons, name, method)
        addons.master.options.changed.connect(self.on_option)

        def undo() -> None:
            addons.master.options.changed.disconnect(self.on_option)
            self.forget()
            for name in ours:
                delattr(addons, name)

        return undo

    def forget(self) -> None:
        """What was found of add-ons holds no longer; events under way notice it too."""
        self._tables.clear()
        self._changes += 1

    def on_option(self, updated: set[str]) -> None:
        self.forget()

    def has(self, name: str) -> bool:
        """Whether any add-on has something to do at this hook."""
        return bool(self._table(name))

    async def handle_lifecycle(self, event: hooks.Hook) -> None:
        message = _arguments_of(event)[0]
        await self.trigger_event(event)
        if isinstance(message, Flow) and self._table("update"):
            await self.trigger_event(hooks.UpdateHook([message]))

    async def trigger_event(self, event: hooks.Hook) -> None:
        if event.name in LIFE_CYCLE:
            await self._stock(event)
            return
        table = self._table(event.name)
        if not table:
            return
        chain, length, changes = self._chain, self._length, self._changes
        arguments = _arguments_of(event)
        for place, group in table:
            if group is None:
                await self._finish(chain, place, event)
                return
            try:
                for hook in group:
                    result = hook(*arguments)
                    if result is not None and inspect.isawaitable(result):
                        await result
            except exceptions.AddonHalt:
                return
            except exceptions.OptionsError:
                raise
            except Exception:
                _log_error()
            if changes != self._changes or length != len(chain):
                await self._finish(chain, place + 1, event)
                return

    async def _finish(self, chain: list[Any], place: int, event: hooks.Hook) -> None:
        """From this place on as mitmproxy does it: the add-ons were changed while one of them took
        its time, or one is odd."""
        while place < len(chain):
            try:
                with addonmanager.safecall():
                    await self._addons.invoke_addon(chain[place], event)
            except exceptions.AddonHalt:
                return
            place += 1

    def _table(self, name: str) -> tuple[Group, ...]:
        chain = self._addons.chain
        if chain is not self._chain or len(chain) != self._length:
            self._chain, self._length = chain, len(chain)
            self.forget()
        table = self._tables.get(name)
        if table is None:
            found = ((place, self._group(top, name)) for place, top in enumerate(chain))
            table = self._tables[name] = tuple(group for group in found if group[1] != ())
        return table

    def _group(self, top: object, name: str) -> tuple[Hook, ...] | None:
        try:
            return tuple(self._hooks(top, name))
        except Exception:  # mitmproxy meets it at each event, and logs it
            return None

    def _hooks(self, top: object, name: str) -> Iterator[Hook]:
        """
        Raises:
            TypeError: a hook that is not callable.
        """
        for addon in addonmanager.traverse([top]):
            hook = getattr(addon, name, None)
            if not hook or isinstance(hook, types.ModuleType):
                continue
            if not callable(hook):
                raise TypeError(name)
            if not self._is_idle(addon, name):
                yield self._shorten(addon, name, hook)

    def _forgetting(self, change: Hook) -> Hook:
        def changed(*arguments: Any, **named: Any) -> Any:
            try:
                return change(*arguments, **named)
            finally:
                self.forget()

        return changed


_readers: dict[type, Callable[[Any], tuple[Any, ...]]] = {}


def _arguments_of(event: hooks.Hook) -> tuple[Any, ...]:
    """As `event.args()`, the names of the fields found once."""
    kind = type(event)
    reader = _readers.get(kind)
    if reader is None:
        names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
        if len(names) == 1:
            single = operator.attrgetter(names[0])
            reader = _readers[kind] = lambda event: (single(event),)
        else:
            reader = _readers[kind] = lambda event: tuple(getattr(event, name) for name in names)
    return reader(event)


def _log_error() -> None:
    """As mitmproxy's `safecall`, the traceback from the add-on's own frame on."""
    kind, error, trace = sys.exc_info()
    assert kind is not None and error is not None
    below = trace.tb_next if trace is not None else None
    addonmanager.logger.error(f"Addon error: {error}", exc_info=(kind, error, below or trace))
