"""Cached dispatch does what mitmproxy's own does, whatever add-ons do."""

import asyncio
import dataclasses
import types
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy import exceptions, hooks
from mitmproxy.addonmanager import AddonManager
from unit.fast.both import Seen, both, flow, manager, request, response

from apigateway.fast import dispatch as dispatch_module
from apigateway.fast.dispatch import Dispatch
from apigateway.fast.known import Unknown

RAISED: dict[str, Callable[[], BaseException]] = {
    "bug": lambda: ValueError("a bug"),
    "halt": exceptions.AddonHalt,
    "options": lambda: exceptions.OptionsError("bad option"),
    "cancelled": asyncio.CancelledError,
    "exit": lambda: SystemExit(3),
}
DEEDS = [
    *("sync", "async", "awaitable", "uncallable", "module", "falsy", "without", "broken"),
    *RAISED,
]
DEEDS += [f"async-{name}" for name in RAISED]


@dataclasses.dataclass(frozen=True)
class Plan:
    """What an add-on does at a hook, and its children."""

    request: str
    response: str = "sync"
    update: str = "without"
    children: tuple["Plan", ...] = ()


class Addon(types.SimpleNamespace):
    def __getattr__(self, name: str) -> Any:
        if vars(self).get("broken") == name:
            raise RuntimeError("no hook to be had")
        raise AttributeError(name)

    def __repr__(self) -> str:
        return f"<{self.name}>"


def acting(deed: str, name: str, seen: Seen) -> Any:
    """A hook that notes that it was called, and does the deed."""
    if deed in ("uncallable", "module", "falsy"):
        return {"uncallable": 7, "module": types.ModuleType("request"), "falsy": ""}[deed]
    what = deed.removeprefix("async-")

    def sync(*arguments: Any) -> Any:
        seen.append(f"{name} {len(arguments)} {type(arguments[0]).__name__}")
        if what in RAISED:
            raise RAISED[what]()
        return asyncio.sleep(0) if deed == "awaitable" else None

    async def later(*arguments: Any) -> None:
        await asyncio.sleep(0)
        sync(*arguments)

    return later if deed.startswith("async") else sync


def addon_of(plan: Plan, name: str, seen: Seen) -> object:
    addon = Addon(name=name)
    for hook in ("request", "response", "update"):
        deed = getattr(plan, hook)
        if deed == "broken":
            addon.broken = hook
        elif deed != "without":
            setattr(addon, hook, acting(deed, f"{name}.{hook}", seen))
    if plan.children:
        children = [addon_of(child, f"{name}.{i}", seen) for i, child in enumerate(plan.children)]
        addon.addons = children
    return addon


deeds = st.sampled_from(DEEDS)
leaves = st.builds(Plan, request=deeds, response=deeds, update=deeds)
plans = st.recursive(
    leaves,
    lambda inner: st.builds(
        Plan, request=deeds, response=deeds, children=st.lists(inner, max_size=3).map(tuple)
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(plans, max_size=5))
def test_order_arguments_errors_and_log_lines_are_mitmproxys_own(tops: list[Plan]) -> None:
    def build(seen: Seen) -> list[object]:
        return [addon_of(plan, f"a{number}", seen) for number, plan in enumerate(tops)]

    async def drive(addons: AddonManager, seen: Seen) -> None:
        message = flow()
        for event in (request(message), response(message), request(message)):
            try:
                await addons.handle_lifecycle(event)
            except (exceptions.OptionsError, asyncio.CancelledError, SystemExit) as error:
                seen.append(f"raised {type(error).__name__} {error}")

    stock, ours = both(build, drive)
    assert ours == stock


def test_an_error_is_logged_from_the_add_ons_own_frame_on() -> None:
    def build(seen: Seen) -> list[object]:
        return [addon_of(Plan("async-bug"), "a", seen)]

    async def drive(addons: AddonManager, seen: Seen) -> None:
        await addons.handle_lifecycle(request(flow()))

    stock, ours = both(build, drive)
    assert ours == stock
    assert "Addon error: a bug ['later', 'sync']" in ours[-1]


def test_a_message_that_is_no_flow_brings_no_update() -> None:
    def build(seen: Seen) -> list[object]:
        return [addon_of(Plan("sync", update="sync"), "a", seen)]

    async def drive(addons: AddonManager, seen: Seen) -> None:
        await addons.handle_lifecycle(request("not a flow"))
        await addons.handle_lifecycle(request(flow()))

    stock, ours = both(build, drive)
    assert ours == stock
    assert sum("update" in line for line in ours) == 1


def test_hooks_of_the_life_cycle_are_left_to_mitmproxy() -> None:
    def build(seen: Seen) -> list[object]:
        return [types.SimpleNamespace(name="a", running=lambda: seen.append("running"))]

    async def drive(addons: AddonManager, seen: Seen) -> None:
        await addons.trigger_event(hooks.RunningHook())
        addons.get("a").running = lambda: seen.append("another")
        await addons.trigger_event(hooks.RunningHook())

    stock, ours = both(build, drive)
    assert ours == stock == ["running", "another"]


class Slow:
    """An add-on whose request takes until it is let go."""

    name = "slow"

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.free = asyncio.Event()

    async def request(self, message: object) -> None:
        self.seen.append("slow")
        await self.free.wait()


@pytest.mark.parametrize("change", ["add", "remove", "append", "replace", "register", "clear"])
def test_what_is_changed_is_seen_by_events_to_come_and_by_those_under_way(change: str) -> None:
    def build(seen: Seen) -> list[object]:
        parent = types.SimpleNamespace(name="parent", addons=[])
        late = addon_of(Plan("sync"), "late", seen)
        return [Slow(seen), parent, late]

    async def drive(addons: AddonManager, seen: Seen) -> None:
        await addons.handle_lifecycle(response(flow()))
        under_way = asyncio.create_task(addons.handle_lifecycle(request(flow())))
        await asyncio.sleep(0)
        new = addon_of(Plan("sync", response="sync"), "new", seen)
        if change == "add":
            addons.add(new)
        elif change == "remove":
            addons.remove(addons.get("late"))
        elif change == "append":
            addons.chain.append(new)
        elif change == "replace":
            addons.chain = [*addons.chain, new]
        elif change == "register":
            addons.register(new)
            addons.get("parent").addons.append(new)
        else:
            addons.clear()
        slow = addons.get("slow")
        if slow is not None:
            slow.free.set()
            await under_way
            await addons.handle_lifecycle(response(flow()))
            await addons.handle_lifecycle(request(flow()))
        else:
            under_way.cancel()
        seen.append(f"{len(addons)} left")

    stock, ours = both(build, drive)
    assert ours == stock


def test_an_option_brings_back_what_was_idle() -> None:
    async def run() -> list[str]:
        seen: Seen = []
        idle = {"yes": True}
        with manager(ours=True, is_idle=lambda addon, name: idle["yes"]) as addons:
            addons.add(addon_of(Plan("sync"), "a", seen))
            await addons.handle_lifecycle(request(flow()))
            idle["yes"] = False
            await addons.handle_lifecycle(request(flow()))
            addons.master.options.update(showhost=True)
            await addons.handle_lifecycle(request(flow()))
        return seen

    assert asyncio.run(run()) == ["a.request 1 HTTPFlow"]


def test_taken_out_nothing_of_ours_is_left() -> None:
    async def run() -> None:
        with manager(ours=False) as addons:
            receivers = len(addons.master.options.changed.receivers)
            undo = Dispatch(addons).install()
            assert "trigger_event" in vars(addons)
            undo()
            assert not {"trigger_event", "handle_lifecycle", "add", "remove"} & vars(addons).keys()
            assert len(addons.master.options.changed.receivers) == receivers

    asyncio.run(run())


def test_what_another_add_on_put_in_its_place_stays() -> None:
    async def run() -> None:
        with manager(ours=True) as addons:
            before = vars(addons)["trigger_event"]
            with pytest.raises(Unknown, match="another add-on"):
                Dispatch(addons).install()
            assert vars(addons)["trigger_event"] is before

    asyncio.run(run())


def test_another_mitmproxy_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch_module, "KNOWN", ((hooks.Hook.args, "0000000000000000"),))

    async def run() -> None:
        with manager(ours=False) as addons:
            with pytest.raises(Unknown):
                Dispatch(addons).install()
            assert "trigger_event" not in vars(addons)

    asyncio.run(run())


def test_whether_a_hook_is_heard_is_known() -> None:
    async def run() -> None:
        with manager(ours=False) as addons:
            dispatch = Dispatch(addons)
            addons.add(addon_of(Plan("sync"), "a", []))
            assert dispatch.has("request")
            assert not dispatch.has("update")

    asyncio.run(run())
