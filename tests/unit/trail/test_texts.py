"""Documents of names and values: secrets go, everything else stays to the byte."""

import json
import time

import pytest

from apigateway.trail.texts import (
    masked_json,
    masked_query,
    masked_text,
    masked_xml,
    shown_value,
)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ('{"a": 1,  "password" : "hunter2"}', '{"a": 1,  "password" : "…"}'),
        ('{"a":{"token":"0123456789abcdef"},"b":"c"}', '{"a":{"token":"0123…"},"b":"c"}'),
        ('[{"pwd":1},{"b":[2]}]', '[{"pwd":"…"},{"b":[2]}]'),
        (
            '{"keys":["a",{"b":"c","d":[1.5e3]}],"e":"f"}',
            '{"keys":["…",{"b":"…","d":["…"]}],"e":"f"}',
        ),
        ('{"secret":{"a":"b"},"c":{"d":"e"}}', '{"secret":{"a":"…"},"c":{"d":"e"}}'),
        ('{"key":null,"token":true,"pwd":false}', '{"key":null,"token":true,"pwd":false}'),
        ('{"pass\\u0077ord":"x","b":"y"}', '{"pass\\u0077ord":"…","b":"y"}'),
        ('{"token":"a\\"b\\\\","b":"c"}', '{"token":"…","b":"c"}'),
        ('{"token":"\\"\\"0123456789abcdef"}', '{"token":"\\"\\"01…"}'),
        ('{"token":"cut of', '{"token":"…"'),
        ('{"token":["a","cut of', '{"token":["…","…"'),
        ('{"token":"cut at a backslash\\', '{"token":"cut …""…"'),
        ('{"token":tru', '{"token":"…"'),
        ('{"a":"token","b":"password: x"}', '{"a":"token","b":"password: x"}'),
        ('["token","a"]', '["token","a"]'),
    ],
)
def test_members_that_are_secrets_are_masked_with_all_that_is_in_them(
    text: str, masked: str
) -> None:
    assert masked_json(text) == masked


def test_what_was_json_is_json_afterwards() -> None:
    text = '{"token": "\\"}\\u0000{\\"0123456789abcdef", "keys": [1, {"a": [null, "b"]}]}'
    assert json.loads(masked_json(text)) == {
        "token": '"}\x00{…',
        "keys": ["…", {"a": [None, "…"]}],
    }


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("<a><b>c</b></a>", "<a><b>c</b></a>"),
        ("<a><password>x y</password><b>c</b></a>", "<a><password>…</password><b>c</b></a>"),
        ("<s:Token n='1'> 0123456789abcdef </s:Token>", "<s:Token n='1'>0123…</s:Token>"),
        ('<a apiKey = "x" b="c"/>', '<a apiKey = "…" b="c"/>'),
        ("<a ns:pwd='x'/>", '<a ns:pwd="…"/>'),
        ("<token>cut of", "<token>…"),
        ("<token>\n  <a>b</a></token>", "<token>\n  <a>b</a></token>"),
    ],
)
def test_elements_and_attributes_that_are_secrets_are_masked(text: str, masked: str) -> None:
    assert masked_xml(text) == masked


@pytest.mark.parametrize(
    ("query", "masked"),
    [
        ("", ""),
        ("a=1&b=2", "a=1&b=2"),
        ("a=1&token=x%20y&b", "a=1&token=…&b"),
        ("%70assword=0123456789abcdef", "%70assword=0123…"),
        ("token=&token", "token=&token"),
        ("a=1;token=b;c=d&e=f", "a=1;token=…&e=f"),
        ("token=b;c=d;e", "token=…"),
        ("f=%7B%22pwd%22%3A%22x%22%7D&g=%7B%7D", "f=%7B%22pwd%22%3A%22%E2%80%A6%22%7D&g=%7B%7D"),
        ("f=%7B%22pwd%22%3A%22x%22%7D;token=y", "f=%7B%22pwd%22%3A%22%E2%80%A6%22%7D;token=…"),
        ("a=%FF%&b=%", "a=%FF%&b=%"),
    ],
)
def test_items_that_are_secrets_are_masked(query: str, masked: str) -> None:
    assert masked_query(query) == masked


def test_a_name_that_tells_nothing_is_hidden_where_the_definition_says_so() -> None:
    assert masked_query("a=1&b=2") == "a=1&b=2"
    assert masked_query("a=1&b=2", frozenset({"b"})) == "a=1&b=…"


def test_the_kind_of_a_text_is_seen_at_its_start() -> None:
    assert masked_text(' \n{"token":"x"}') == ' \n{"token":"…"}'
    assert masked_text("\t<token>x</token>") == "\t<token>…</token>"
    assert masked_text("token=x&b=1") == "token=…&b=1"
    assert masked_text("b=1", frozenset({"b"})) == "b=…"


def test_one_value_is_shown_without_the_secrets_of_its_document_and_cut() -> None:
    assert shown_value('{"token":"x"}') == '{"token":"…"}'
    assert shown_value("token=x") == "token=x"
    assert shown_value("x" * 1_001) == "x" * 1_000 + "… (1 more)"
    long = '{"token":"' + "x" * 2_000 + '"}'
    assert shown_value(long) == '{"token":"xxxx…"… (1012 more)'
    assert shown_value('{"a":"\udcff"}') == '{"a":"\\udcff"}'


@pytest.mark.parametrize("start", ['{"token":', '[{"a":"b","key":[', "<token>", "token="])
def test_long_odd_texts_take_no_long_time(start: str) -> None:
    began = time.process_time()
    for filler in ('"', "\\", "{", "<a ", "a=", "'", '"\\"', "& ;", "=;", "<a", " "):
        assert masked_text(start + filler * 20_000)
    assert time.process_time() - began < 10
