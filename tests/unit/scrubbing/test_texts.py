"""Texts of names and values."""

import json
from urllib.parse import quote

import pytest
from unit.minted import mint
from unit.scrubbing.scrubs import texts


def test_a_query_keeps_all_but_its_secrets() -> None:
    raw = "city=hang%20zhou&password=a%2Bb&&x&token=&b=1"
    assert texts().query(raw) == "city=hang%20zhou&password=scrubbed:password&&x&token=&b=1"


def test_names_are_read_as_a_gateway_reads_them() -> None:
    assert texts().query("pass%77ord=x1") == "pass%77ord=scrubbed:password"
    assert texts().query("a=1;password=x1;b=2") == "a=1;password=scrubbed:password"


def test_documents_within_values() -> None:
    inner = json.dumps({"token": "x1", "n": 1})
    done = texts().query(f"filter={quote(inner)}&u={quote('http://h/?secret=x2&b=2')}")
    assert quote('{"token": "scrubbed:token", "n": 1}', safe="") in done
    assert quote("http://h/?secret=scrubbed:secret&b=2", safe="") in done


def test_json_stays_as_it_was_written() -> None:
    raw = '{ "a" : 1.50, "password":"x1\\u0041", "b":[ true,null ] }'
    done = texts().json(raw)
    assert done == '{ "a" : 1.50, "password":"scrubbed:password", "b":[ true,null ] }'


def test_everything_below_a_name_that_tells_goes() -> None:
    raw = '{"keys": [{"id": "x1", "n": 12}, "y1"], "after": "kept"}'
    done = json.loads(texts().json(raw))
    assert done["keys"] == [{"id": "scrubbed:keys", "n": 0}, "scrubbed:keys-2"]
    assert done["after"] == "kept"


def test_json_within_json() -> None:
    raw = json.dumps({"body": json.dumps({"pwd": 'x"1'}), "url": "/a?token=x1&b=2"})
    done = json.loads(texts().json(raw))
    assert json.loads(done["body"]) == {"pwd": "scrubbed:pwd"}
    assert done["url"] == "/a?token=scrubbed:token&b=2"


def test_xml() -> None:
    raw = "<a pin=\"1\" token='x1'><s:password>x2</s:password><b>text</b></a>"
    done = texts().xml(raw)
    assert "<s:password>scrubbed:password</s:password><b>text</b>" in done
    assert "token='scrubbed:token'" in done


def test_cookies() -> None:
    assert texts().cookies("a=1; theme=x2") == "a=scrubbed:a; theme=scrubbed:theme"
    assert texts(keep=("theme",)).cookies("a=1; theme=x2") == "a=scrubbed:a; theme=x2"
    assert texts().set_cookie("sid=x1; Path=/; Secure") == "sid=scrubbed:sid; Path=/; Secure"
    assert texts().cookies("odd") == "scrubbed:cookie"


def test_strings_to_sign_in_messages() -> None:
    raw = "StringToSign:`GET#a/b##X-Token:x1#X-Ca-Key:5#/login?password=x2&user=al`"
    done = texts().inline(raw)
    assert done == (
        "StringToSign:`GET#a/b##X-Token:scrubbed:x-token#X-Ca-Key:5#"
        "/login?password=scrubbed:password&user=al`"
    )


def test_tokens_anywhere() -> None:
    done = texts().inline(f"see {mint()} there")
    assert done.startswith("see eyJ")
    assert done.endswith(".scrubbed there")


@pytest.mark.parametrize(
    "raw", ["", "plain", "{broken", '{"a": "\udcff"}', "<a><b", "a=b&c", "\udcff\0binary"]
)
def test_texts_without_secrets_stay_to_the_byte(raw: str) -> None:
    assert texts().document(raw, is_form=False) == raw
    assert texts().document(raw, is_form=True) == raw


def test_chosen_names() -> None:
    assert texts(scrub=("City",)).query("city=x") == "city=scrubbed:city"
    assert texts(keep=("sign",)).query("sign=libra") == "sign=libra"


def test_what_a_trail_masked_stays_masked() -> None:
    assert texts(masked=True).query("token=eyJh…") == "token=eyJh…"
    assert texts(masked=True).query("token=whole") == "token=scrubbed:token"
