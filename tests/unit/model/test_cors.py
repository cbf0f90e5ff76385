"""What a group answers browsers unless it says otherwise."""

from apigateway.model.cors import DEFAULT_HEADERS, Cors


def test_the_defaults_are_the_products() -> None:
    cors = Cors()
    assert (cors.enabled, cors.origins, cors.credentials) == (True, ("*",), False)
    assert cors.max_age_s == 172_800
    assert ",".join(cors.methods) == "GET,POST,PUT,DELETE,HEAD,OPTIONS,PATCH"
    assert ",".join(cors.headers) == (
        "X-Requested-With,X-Sequence,X-Ca-Key,X-Ca-Secret,X-Ca-Version,X-Ca-Timestamp,X-Ca-Nonce,"
        "X-Ca-API-Key,X-Ca-Stage,X-Ca-Client-DeviceId,X-Ca-Client-AppId,X-Ca-Signature,"
        "X-Ca-Signature-Headers,X-Ca-Signature-Method,X-Forwarded-For,X-Ca-Date,X-Ca-Request-Mode,"
        "Authorization,Content-Type,Accept,Accept-Ranges,Cache-Control,Range,Content-MD5"
    )


def test_a_page_may_send_every_field_of_a_signed_call() -> None:
    signed = {"x-ca-key", "x-ca-signature", "x-ca-signature-headers", "x-ca-signature-method"}
    signed |= {"x-ca-timestamp", "x-ca-nonce", "x-ca-stage", "content-md5", "content-type"}
    signed |= {"accept", "authorization", "x-ca-request-mode"}
    assert signed <= {name.lower() for name in DEFAULT_HEADERS}


def test_a_page_may_read_what_the_gateway_says() -> None:
    assert {"X-Ca-Request-Id", "X-Ca-Error-Code", "X-Ca-Error-Message"} <= set(Cors().expose)
