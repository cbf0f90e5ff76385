"""What a test can ask of a call that was judged."""

from unit.testing.samples import a_gateway

FORECAST = "/forecast/hangzhou?days=3"


def test_a_call_that_is_served_tells_the_answer_and_what_the_backend_gets() -> None:
    gateway = a_gateway()
    answer = gateway.answer(404, json={"no": "city"}, headers={"X-Own": "1"})
    judged = gateway.call("GET", FORECAST, app="demo", answer=answer)
    assert judged.served
    assert (judged.status, judged.code, judged.message, judged.refused_by) == (404, "", "", "")
    assert judged.json() == {"no": "city"}
    assert judged.header("x-own") == "1"
    assert judged.header("X-None") is None
    sent = judged.backend_request
    assert sent is not None
    assert (sent["method"], sent["url"]) == (
        "GET",
        "http://127.0.0.1:9000/v3/cities/hangzhou/forecast?d=3",
    )
    assert ["X-Source", "gateway"] in sent["headers"]
    assert repr(judged) == "<served GetForecast: 404>"


def test_a_call_that_is_refused_tells_by_whom_and_why() -> None:
    judged = a_gateway().call("GET", "/forecast/hangzhou?days=15", app="demo")
    assert not judged.served
    assert (judged.status, judged.code, judged.refused_by) == (400, "I400IP", "Validation")
    assert judged.message == "Invalid parameter days is greater than 14"
    assert judged.backend_request is None
    assert judged.json()["code"] == "I400IP"
    assert repr(judged).startswith("<refused by Validation: 400 I400IP ")
    assert "days (Int in query) is greater than 14" in judged.report
    assert "Mapping                     not reached" in judged.report
