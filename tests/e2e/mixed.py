"""Calls of every kind, as a capture of a working day would hold them."""

import uuid

from alibabacloud_iot_api_gateway.client import Client as IotClient
from alibabacloud_iot_api_gateway.models import CommonParams, Config, IoTApiRequest
from alibabacloud_tea_util.models import RuntimeOptions
from e2e import signed
from e2e.lab import CODE, PAGE, Lab, now_ms, preflight, with_value
from e2e.running import KEY, SECRET, send_raw

FORM = ("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
JSON = ("Content-Type", "application/json; charset=utf-8")
PARTS = ("Content-Type", "multipart/form-data; boundary=b")
PART = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xe4\xb8\xad\r\n--b--\r\n'


def served_calls(lab: Lab, number: int = 0) -> int:
    """Calls that a backend answers, and mocks; returns how many. `number` makes them other ones."""
    port, city = lab.gateway.port, f"city{'abcdefghij'[number % 10]}"
    signed.call(port, "GET", f"/forecast/{city}", query={"days": str(number % 14 + 1)})
    signed.call(port, "GET", f"/forecast/{city}", headers={"X-Ca-Request-Mode": "debug"})
    lab.send("GET", "/status")
    lab.send("GET", "/status", [("Origin", PAGE)])
    lab.call(target=f"/echo?b={number}&a=%E4%B8%AD%20+&a=2&c=&d")
    lab.call("POST", "/echo", [FORM], f"x={number}&y=a+b&z=%E4%B8%AD&w".encode())
    lab.call("POST", "/echo", [JSON], f'{{"n": {number}, "sign": "中"}}'.encode())
    lab.call("POST", "/echo", [("Content-Type", "text/plain")], "中é".encode())
    lab.call("POST", "/echo", [PARTS], PART)
    lab.call(target="/by-code", change=lambda fields: [("Authorization", f"APPCODE {CODE}")])
    lab.send("GET", f"/by-code?appCode={CODE}&n={number}")
    lab.call(target="/forced")
    for status in (200, 204, 404, 500, 503):
        lab.send("GET", f"/own/{status}", [("Origin", PAGE)] if status == 404 else [])
    lab.send("HEAD", "/own/200")
    preflight(lab)
    return 19


def refused_calls(lab: Lab, number: int = 0) -> int:
    """Calls that the gateway refuses, by every room that can; returns how many."""
    port, nonce = lab.gateway.port, str(uuid.uuid4())
    lab.send("GET", "/nothing")
    lab.send("GET", "/status", host="unknown.test")
    lab.send("GET", "/status", [("X-Ca-Stage", "NEXT")])
    lab.send("GET", "/a%2", [("Origin", PAGE)])
    lab.send("GET", "/only-https")
    lab.send("GET", "/guarded", [("X-Forwarded-For", "203.0.113.9")])
    lab.send("GET", "/status", [("X-Forwarded-For", "198.51.100.7")])
    lab.send("GET", "/echo")
    lab.call(key="999")
    lab.call(change=with_value("X-Ca-Signature", "bm90IGl0"))
    lab.call(change=with_value("X-Ca-Signature", ""))
    lab.call(target="/echo?a=1", sent_target=f"/echo?a={number + 2}")
    lab.call(timestamp_ms=now_ms() - 16 * 60 * 1000)
    lab.call(change=with_value("X-Ca-Timestamp", "soon"))
    lab.call("POST", "/echo", [JSON], b"{}", sent_body=b'{"other": 1}')
    lab.call(target="/forced", change=lambda fields: [f for f in fields if f[0] != "X-Ca-Nonce"])
    lab.call(nonce=nonce)
    lab.call(nonce=nonce)
    lab.send("GET", "/by-code?appcode=wrong")
    signed.call(port, "GET", "/forecast/UPPER")
    signed.call(port, "GET", "/forecast/hangzhou", query={"days": str(number + 15)})
    preflight(lab, "/nothing")
    send_raw(port, b"GET /status HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n")
    send_raw(port, b"GET http://a/status HTTP/1.1\r\nHost: a\r\n\r\n")
    send_raw(port, b"GET /status HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n")
    return 25


def throttled_calls(lab: Lab) -> int:
    """More calls than the API's limit lets through in a day."""
    for _ in range(8):
        lab.send("GET", "/limited")
    return 8


def iot_calls(lab: Lab, number: int = 0) -> int:
    """Calls of the IoT client, one of them signed wrongly; it calls the domain `localhost`."""
    body = IoTApiRequest(params={"n": number}, request=CommonParams(api_ver="1.0.0"))
    for secret in (SECRET, "wrong"):
        config = Config(app_key=KEY, app_secret=secret, domain=f"localhost:{lab.gateway.port}")
        IotClient(config).do_request("/echo", "http", "POST", {}, body, RuntimeOptions())
    return 2
