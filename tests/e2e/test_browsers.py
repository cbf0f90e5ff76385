"""Pages of browsers: preflights, and who may read an answer."""

from e2e.lab import PAGE, Lab, error_of, preflight


def test_a_preflight_is_answered_without_authentication(lab: Lab) -> None:
    with lab.no_backend_is_asked():
        for method in ("GET", "POST"):
            reply = preflight(lab, method=method)
            assert (reply.status, reply.body) == (200, b"")
            found = reply.headers
            assert found["access-control-allow-origin"] == "*"
            assert found["access-control-allow-methods"] == (
                "GET,POST,PUT,DELETE,HEAD,OPTIONS,PATCH"
            )
            assert found["access-control-max-age"] == "172800"
            allowed = found["access-control-allow-headers"].split(",")
            assert {"X-Ca-Key", "X-Ca-Signature", "Content-MD5", "Accept"} <= set(allowed)
            assert "access-control-allow-credentials" not in found


def test_a_preflight_for_no_api_is_not_found(lab: Lab) -> None:
    reply = preflight(lab, "/nowhere", "PUT")
    message = "Cross origin resource not found PUT - /nowhere"
    assert error_of(reply) == (404, "I404CO", message)
    assert preflight(lab, "/echo", "DELETE").code == "I404CO"


def test_an_options_that_is_no_preflight_is_like_any_call(lab: Lab) -> None:
    assert lab.send("OPTIONS", "/echo", [("Origin", PAGE)]).code == "I404NF"


def test_served_and_refused_answers_can_be_read_by_pages(lab: Lab) -> None:
    origin = ("Origin", PAGE)
    for reply in (
        lab.call(fields=[origin]),
        lab.call(fields=[origin], secret="wrong"),
        lab.send("GET", "/nowhere", [origin]),
        lab.send("GET", "/own/404", [origin]),
    ):
        assert reply.headers["access-control-allow-origin"] == "*"
        assert "X-Ca-Error-Code" in reply.headers["access-control-expose-headers"]
    assert "access-control-allow-origin" not in lab.call().headers


def test_only_the_pages_on_the_list_are_let_in_and_with_credentials(lab: Lab) -> None:
    host = "listed.localhost"
    for origin in (PAGE, "null"):
        for reply in (
            preflight(lab, "/own/200", host=host, origin=origin),
            lab.send("GET", "/own/200", [("Origin", origin)], host=host),
            lab.send("GET", "/nowhere", [("Origin", origin)], host=host),
        ):
            assert reply.headers["access-control-allow-origin"] == origin
            assert reply.headers["access-control-allow-credentials"] == "true"
            assert reply.headers["vary"] == "Origin"
    assert preflight(lab, "/own/200", host=host).headers["access-control-max-age"] == "60"
    for origin in ("https://evil.example.com", PAGE.replace("https", "http"), f"{PAGE}.evil"):
        for reply in (
            preflight(lab, "/own/200", host=host, origin=origin),
            lab.send("GET", "/own/200", [("Origin", origin)], host=host),
        ):
            assert "access-control-allow-origin" not in reply.headers
            assert reply.headers["vary"] == "Origin"


def test_where_a_group_has_no_rules_the_backends_own_words_pass(lab: Lab) -> None:
    host = "silent.localhost"
    reply = lab.send("GET", "/own/200", [("Origin", PAGE)], host=host)
    assert reply.headers["access-control-allow-origin"] == "https://backend.example.com"
    assert preflight(lab, "/own/200", host=host).code == "I404NF"
