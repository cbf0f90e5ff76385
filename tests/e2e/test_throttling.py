"""Limits of a running gateway, over the wire."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from e2e.running import Backend, Gateway, Project, Reply, gateway, zone_at_noon
from e2e.signed import forecast


def policy(project: Project, text: str) -> None:
    path = project.folder / "policies" / "throttling" / "forecast-standard.yaml"
    path.write_text(f"name: forecast-standard\nregion: cn-hangzhou\n{text}\n")


def at_once(running: Gateway, calls: int) -> tuple[list[Reply], float]:
    """The answers, and how many seconds it took to have them all."""
    began = time.monotonic()
    with ThreadPoolExecutor(calls) as pool:
        replies = list(pool.map(lambda _: forecast(running.port), range(calls)))
    return replies, time.monotonic() - began


def test_calls_over_a_limit_a_second_wait_and_those_over_the_queue_are_refused(
    project: Project, demo_backend: Backend
) -> None:
    policy(project, "unit: second\napi: 5\nqueue: 10")
    with gateway(project) as running:
        before = demo_backend.hits
        replies, took_s = at_once(running, 40)
        served = Counter(reply.status for reply in replies)[200]
        assert demo_backend.hits == before + served
        # Fifteen are taken in, five of them at once; the last of ten waits two seconds.
        assert took_s >= 2
        assert 15 <= served <= 15 + 5 * took_s
        for reply in replies:
            if reply.status != 200:
                assert (reply.status, reply.code) == (429, "T429PA")
                assert reply.headers["retry-after"] == "1"
                assert reply.headers["ratelimit-policy"] == '"api";q=5;w=1'


def test_where_nobody_waits_calls_over_the_limit_are_refused_at_once(project: Project) -> None:
    policy(project, "unit: second\napi: 5\nsecond_mode: refuse")
    with gateway(project) as running:
        replies, took_s = at_once(running, 20)
        served = Counter(reply.status for reply in replies)[200]
        assert 5 <= served <= 5 + 5 * took_s


def test_a_day_of_another_zone_ends_at_its_midnight(project: Project) -> None:
    policy(project, "unit: day\napi: 5")
    ahead_s = 14 * 3600
    project.edit("definitions/gateway.yaml", zone_at_noon(), "Pacific/Kiritimati")
    with gateway(project) as running:
        earliest_s = time.time()
        left_s = int(forecast(running.port).headers["ratelimit"].rpartition("t=")[2])
        latest_s = time.time()
    midnight_s = -(earliest_s + left_s + ahead_s - 2) // 86_400 * -86_400
    assert midnight_s <= latest_s + left_s + ahead_s + 2
