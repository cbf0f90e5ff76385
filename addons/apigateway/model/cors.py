"""Which pages of other origins may call a group's APIs from a browser."""

from dataclasses import dataclass

DEFAULT_METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH")
DEFAULT_HEADERS = (
    "X-Requested-With",
    "X-Sequence",
    "X-Ca-Key",
    "X-Ca-Secret",
    "X-Ca-Version",
    "X-Ca-Timestamp",
    "X-Ca-Nonce",
    "X-Ca-API-Key",
    "X-Ca-Stage",
    "X-Ca-Client-DeviceId",
    "X-Ca-Client-AppId",
    "X-Ca-Signature",
    "X-Ca-Signature-Headers",
    "X-Ca-Signature-Method",
    "X-Forwarded-For",
    "X-Ca-Date",
    "X-Ca-Request-Mode",
    "Authorization",
    "Content-Type",
    "Accept",
    "Accept-Ranges",
    "Cache-Control",
    "Range",
    "Content-MD5",
)
"""What the product answers (reference: protocol 3)."""

DEFAULT_EXPOSED = ("X-Ca-Request-Id", "X-Ca-Error-Code", "X-Ca-Error-Message", "X-Ca-Debug-Info")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cors:
    """`origins` are whole origins (`https://app.example.com`) or `*`. `max_age_s` is how long a
    browser may keep a preflight's answer. Not `enabled`: the backend answers for itself."""

    enabled: bool = True
    origins: tuple[str, ...] = ("*",)
    methods: tuple[str, ...] = DEFAULT_METHODS
    headers: tuple[str, ...] = DEFAULT_HEADERS
    expose: tuple[str, ...] = DEFAULT_EXPOSED
    max_age_s: int = 172_800
    credentials: bool = False
