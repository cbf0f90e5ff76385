"""Every way the gateway refuses a call: one catalogue for both generations of the product.

Source of codes, statuses and texts: the product's published error tables (reference
`errors.json`). The coded generation answers six-character codes in `X-Ca-Error-Code`; the
classic one answers text only, and 403 for throttling.
"""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class FaultText:
    """How a fault reads on the wire. `{name}` in a message is filled from the refusal."""

    code: str
    status: int
    message: str
    classic_status: int
    classic_message: str


class Fault(Enum):
    """A reason to refuse. Prefixes: I input, A auth, T throttle, S replay, D backend, X gateway."""

    INVALID_HEADER = FaultText(
        "I400HD", 400, "Invalid Header `{name}` {reason}", 400, "Invalid Header `{name}` {reason}"
    )
    HEADER_REQUIRED = FaultText(
        "I400MH", 400, "Header `{name}` is Required", 400, "Header `{name}` is Required"
    )
    EMPTY_SIGNATURE = FaultText(
        "I400MH", 400, "Header `X-Ca-Signature` is Required", 404, "Empty Signature"
    )
    INVALID_BODY = FaultText("I400BD", 400, "Invalid Body: {reason}", 400, "Invalid Request Body")
    EMPTY_BODY = FaultText(
        "I400BD", 400, "Invalid Body: a body is required", 400, "Empty Request Body"
    )
    INVALID_PATH = FaultText("I400PA", 400, "Invalid Request Path `{reason}`", 400, "Invalid Url")
    UNSUPPORTED_METHOD = FaultText(
        "I405UM", 405, "Unsupported Method `{method}`", 400, "Invalid HttpMethod"
    )
    UNSUPPORTED_CONNECT = FaultText(
        "I405UM", 405, "Unsupported Method `CONNECT`", 400, "Invalid HttpMethod"
    )
    INVALID_REQUEST = FaultText(
        "I400HD", 400, "Invalid Header, the request is malformed", 400, "Invalid Url"
    )
    INVALID_URI = FaultText("I400RU", 400, "Invalid Request Uri `{reason}`", 400, "Invalid Url")
    PROTOCOL_UNSUPPORTED = FaultText(
        "I403PT",
        403,
        "Invalid protocol {protocol} unsupported",
        400,
        "API unsupport the channel: {protocol}",
    )
    BODY_TOO_LARGE = FaultText(
        "I413RL", 413, "Request body too Large", 413, "Request body too Large"
    )
    URL_TOO_LARGE = FaultText("I413UL", 413, "Request URL too Large", 413, "Request URL too Large")
    HEAD_TOO_LARGE = FaultText(
        "I431HD",
        431,
        "Request header fields too Large",
        431,
        "Request header fields too Large",
    )
    REQUEST_TIMEOUT = FaultText("I408RT", 408, "Request Timeout", 408, "Request Timeout")
    INVALID_CONTENT_TYPE = FaultText(
        "I400CT", 400, "Invalid Content-Type: `{reason}`", 400, "Invalid Request Body"
    )
    INVALID_DOMAIN = FaultText("I404DO", 404, "Invalid Domain `{domain}`", 400, "Invalid Domain")
    MISDIRECTED = FaultText(
        "I421MR",
        421,
        "Misdirected Request, `{domain}` is not served on this connection",
        421,
        "Invalid Domain",
    )
    INVALID_STAGE = FaultText("I400SG", 400, "Invalid Stage", 400, "Invalid Stage")
    API_NOT_FOUND = FaultText(
        "I404NF", 404, "API not found with `{method} {path}`", 400, "Invalid Url"
    )
    CORS_NOT_FOUND = FaultText(
        "I404CO",
        404,
        "Cross origin resource not found {method} - {path}",
        400,
        "Invalid Url",
    )
    IP_DENIED = FaultText(
        "A403IP",
        403,
        "Access denied by IP Control Policy",
        403,
        "Access denied by IP Control Policy",
    )
    INVALID_APP_CODE = FaultText(
        "A400AC", 400, "Invalid AppCode `{reason}`", 400, "Invalid AppCode `{reason}`"
    )
    INVALID_APP_KEY = FaultText("A400IK", 400, "Invalid AppKey", 400, "Invalid AppKey")
    CREDENTIALS_REQUIRED = FaultText(
        "A400MA",
        400,
        "Need authorization, X-Ca-Key or Authorization: APPCODE ... is required",
        400,
        "Need authorization, X-Ca-Key or Authorization: APPCODE ... is required",
    )
    INVALID_SIGNATURE = FaultText(
        "A403IS",
        403,
        "Invalid Signature, Server StringToSign:`{string_to_sign}`",
        400,
        "Invalid Signature, Server StringToSign:`{string_to_sign}`",
    )
    INVALID_TIMESTAMP = FaultText(
        "I400HD",
        400,
        "Invalid Header `X-Ca-Timestamp` {reason}",
        400,
        "Invalid Timestamp",
    )
    TIMESTAMP_EXPIRED = FaultText("S403TS", 403, "Timestamp Expired", 400, "Timestamp Expired")
    NONCE_REQUIRED = FaultText(
        "I400NC", 400, "X-Ca-Nonce is required", 400, "X-Ca-Nonce is required"
    )
    NONCE_USED = FaultText("S403NU", 403, "Nonce Used", 400, "Nonce Used")
    TOKEN_REQUIRED = FaultText("I400JR", 400, "JWT required", 400, "JWT required")
    TOKEN_MALFORMED = FaultText(
        "I400JD", 400, "JWT Deserialize Failed: {reason}", 400, "JWT Deserialize Failed: {reason}"
    )
    TOKEN_INVALID = FaultText("A403JT", 403, "Invalid JWT: {reason}", 403, "Invalid JWT: {reason}")
    TOKEN_EXPIRED = FaultText(
        "A403JE", 403, "JWT is expired at {date}", 403, "JWT is expired at {date}"
    )
    INVALID_CONTENT_MD5 = FaultText(
        "I400I5", 400, "Invalid Content-MD5 {reason}", 400, "Invalid Content-MD5"
    )
    UNAUTHORIZED = FaultText("I403AA", 403, "Unauthorized", 403, "Unauthorized")
    THROTTLED_BY_API = FaultText(
        "T429PA",
        429,
        "Throttled by API Flow Control",
        403,
        "Throttled by API Flow Control",
    )
    THROTTLED_BY_USER = FaultText(
        "T429PR",
        429,
        "Throttled by USER Flow Control",
        403,
        "Throttled by USER Flow Control",
    )
    THROTTLED_BY_APP = FaultText(
        "T429PR",
        429,
        "Throttled by APP Flow Control",
        403,
        "Throttled by APP Flow Control",
    )
    THROTTLED_BY_CLIENT_IP = FaultText(
        "T429MR",
        429,
        "Too Many Requests, throttle by client IP {client_ip}",
        403,
        "Throttled by API Flow Control",
    )
    THROTTLED_BY_GROUP = FaultText(
        "T429GR",
        429,
        "Throttled by GROUP Flow Control",
        403,
        "Throttled by GROUP Flow Control",
    )
    THROTTLED_BY_DOMAIN = FaultText(
        "T429ID",
        429,
        "Throttled by INNER DOMAIN Flow Control, {domain} is a test domain, "
        "only {ceiling} requests per day",
        403,
        "Throttled by DOMAIN Flow Control",
    )
    PARAMETER_REQUIRED = FaultText(
        "I400MP",
        400,
        "Parameter {name} is required",
        400,
        "Invalid Parameter Required {name}",
    )
    INVALID_PARAMETER = FaultText(
        "I400IP",
        400,
        "Invalid parameter {name} {reason}",
        400,
        "Invalid parameter {name} {reason}",
    )
    BACKEND_ADDRESS = FaultText(
        "D504IL",
        504,
        "Backend service invalid address",
        500,
        "Failed To Invoke Backend Service",
    )
    VPC_ACCESS_DENIED = FaultText(
        "X504VE",
        504,
        "Backend service vpc mapped failed",
        500,
        "Failed To Invoke Backend Service",
    )
    BACKEND_CONNECT = FaultText(
        "D504CO",
        504,
        "Backend service connect failed {reason}",
        500,
        "Failed To Invoke Backend Service",
    )
    BACKEND_TLS = FaultText(
        "D504CS",
        504,
        "Backend http ssl connect failed {reason}",
        500,
        "Failed To Invoke Backend Service",
    )
    BACKEND_FAILED = FaultText(
        "D504RE",
        504,
        "Backend service request failed",
        500,
        "Failed To Invoke Backend Service",
    )
    BACKEND_TIMEOUT = FaultText(
        "D504TO", 504, "Backend service request timeout", 504, "Async Service"
    )
    INTERNAL = FaultText("X500ER", 500, "Service Internal Error", 500, "Internal Error")
    BUSY = FaultText("X503BZ", 503, "Service Busy", 503, "Service Unavailable")


BACKEND_FAULTS = (
    Fault.BACKEND_FAILED,
    Fault.BACKEND_CONNECT,
    Fault.BACKEND_TLS,
    Fault.BACKEND_TIMEOUT,
)
"""What a backend did and no stage decided: it was called, or could not be, and gave no answer."""


class Refusal(Exception):
    """The gateway's answer to a call that it does not let through.

    `detail` is the reason for the operator: it goes to the log and the call record with the
    request id, never to the caller. `parts` fill the fault's message. `retry_after_s` is set
    where coming back later helps; `headers` are further fields of the answer. `evidence` is what
    the stage decided by, where nothing else says it as a value (a tally, the string to sign).
    `stage` is the one whose refusal it is, where another one finds it out.
    """

    def __init__(
        self,
        fault: Fault,
        detail: str = "",
        *,
        retry_after_s: int | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        evidence: object = None,
        stage: str = "",
        **parts: str,
    ) -> None:
        super().__init__(fault.name, detail)
        self.fault = fault
        self.detail = detail
        self.parts = parts
        self.retry_after_s = retry_after_s
        self.headers = headers
        self.evidence = evidence
        self.stage = stage
