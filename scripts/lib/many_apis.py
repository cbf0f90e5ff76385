"""A large project, written to a folder: groups of APIs of all kinds, apps, grants and bindings.

No two APIs have the same patterns and schemas, as with ones that people write. A `revision` above
0 gives each API another description and other rules, which is what an edit of all of them is.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

GROUPS = 50
APIS = 200
APPS = 100
LEAST = 100
"""Of the numbers in rules that a revision raises."""

ACCOUNT = "1234567890123456"

NOUNS = (
    "orders",
    "users",
    "items",
    "stores",
    "prices",
    "trips",
    "notes",
    "parts",
    "rooms",
    "bills",
)

PUBLIC_KEY = (
    '{"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", '
    '"y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}'
)
"""The public key of RFC 7515, A.3.1."""


def write_project(
    folder: Path,
    *,
    groups: int = GROUPS,
    apis: int = APIS,
    apps: int = APPS,
    port: int = 9000,
    auto: str = "first",
) -> None:
    """`definitions` and `policies` in `folder`; `port` is that of the backends, on this machine,
    and `auto` what is released by itself."""
    definitions, policies = folder / "definitions", folder / "policies"
    _write(
        definitions / "gateway.yaml",
        f'account: "{ACCOUNT}"\nregion: cn-hangzhou\nreleases: {{auto: {auto}}}\n'
        "limits: {client_ip_per_second: 10000000}\n",
    )
    for number in range(apps):
        _write(definitions / "apps" / f"app-{number:03}.yaml", app_text(number))
        if number % 2:
            _write(definitions / "apps" / f"app-{number:03}.secret", f"{_secret(number)}\n")
    for group in range(groups):
        _write(definitions / group_name(group) / "group.yaml", group_text(group))
    write_apis(folder, groups=groups, apis=apis, port=port)
    _write_policies(policies, groups, apis, apps, port)


def write_apis(
    folder: Path, *, groups: int = GROUPS, apis: int = APIS, revision: int = 0, port: int = 9000
) -> None:
    for group in range(groups):
        for number in range(apis):
            text = api_text(group, number, revision=revision, port=port)
            _write(file_of(folder, group, number), text)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def group_name(group: int) -> str:
    return f"group-{group:02}"


def host_of(group: int) -> str:
    return f"api.{group_name(group)}.localhost"


def api_name(number: int) -> str:
    return f"Api{number:03}"


def file_of(folder: Path, group: int, number: int) -> Path:
    return folder / "definitions" / group_name(group) / f"api-{number:03}.yaml"


def _secret(app: int) -> str:
    return f"MySuperAppSecret-{app:03}"


def app_key(app: int) -> str:
    return f"{203750000 + app}"


def app_text(number: int) -> str:
    secret = f"file:app-{number:03}.secret" if number % 2 else "env:HOME"
    return (
        f'name: app-{number:03}\ndescription: Caller number {number}\nowner: "{ACCOUNT}"\n'
        f'key: "{app_key(number)}"\nsecret: {secret}\n'
    )


def group_text(group: int) -> str:
    name = group_name(group)
    return (
        f"name: {name}\ndescription: The APIs of team {group}\n"
        f"subdomain: {name}.apigw.localhost\ndomains:\n  - {host_of(group)}\n"
        f"  - {{name: test.{name}.localhost, environment: TEST}}\n"
        "environments:\n  TEST: {variables: {host: localhost}}\n"
        "  RELEASE: {variables: {host: 127.0.0.1}}\n"
    )


def api_text(group: int, number: int, *, revision: int = 0, port: int = 9000) -> str:
    """API `number` of `group`; its kind depends on the number."""
    write = _KINDS[number % len(_KINDS)]
    noun = NOUNS[number // len(_KINDS) % len(NOUNS)]
    return (
        f"# API {number} of team {group}\nname: {api_name(number)}\n"
        f"description: What team {group} does with {noun}, revision {revision}\n"
        f"visibility: public\n{write(group, number, noun, LEAST + revision)}"
    ).replace("PORT", str(port))


MOCK = 3
"""The number of an API that answers by itself, with its revision."""


def method_of(number: int) -> str:
    return ("GET", "POST", "PUT", "GET", "GET", "GET", "GET", "POST")[number % len(_KINDS)]


def path_of(number: int) -> str:
    """The path of API `number`, with a value for each parameter that its path has."""
    noun = NOUNS[number // len(_KINDS) % len(NOUNS)]
    ending = {0: f"/{noun}-{number}-7", 5: "/hz-7", 6: "/profile"}.get(number % len(_KINDS), "")
    return f"/v{number}/{noun}{ending}"


_BACKEND = """\
backend:
  type: http
  address: http://127.0.0.1:PORT
"""

_RESULT = """\
result:
  type: JSON
  example: {id: 17, state: ready}
  errors:
    - {code: "404", message: no such thing}
"""


def _lookup(group: int, number: int, noun: str, most: int) -> str:
    return f"""\
auth:
  type: app
  signature_methods: [HmacSHA256, HmacSHA1]
request:
  method: GET
  path: /v{number}/{noun}/[id]
  parameters:
    - {{name: id, in: path, pattern: "{noun}-{number}-[0-9]{{1,{group + 2}}}",
       example: {noun}-{number}-7}}
    - {{name: days, in: query, type: Int, default: 3, minimum: 1, maximum: {most}}}
    - {{name: fields, in: query, enum: [all, few, none], default: few}}
    - {{name: X-Trace-Of-Call, in: header, max_length: 64}}
backend:
  type: http
  address: http://#host#:PORT
  path: /{noun}/[key]
  timeout_ms: 5000
  parameters:
    - {{from: id, name: key, in: path}}
    - {{from: days, name: d, in: query}}
  constants:
    - {{name: X-Source, in: header, value: team-{group}}}
  system:
    - {{from: CaClientIp, name: X-Client-Ip, in: header}}
    - {{from: CaAppId, name: X-App-Id, in: header}}
{_RESULT}"""


def _form(group: int, number: int, noun: str, most: int) -> str:
    return f"""\
request:
  method: POST
  path: /v{number}/{noun}
  parameters:
    - {{name: title, in: body, required: true, pattern: "[a-z0-9 ]{{2,{most}}}",
       example: {noun} of {group}}}
    - {{name: amount, in: body, type: Float, required: true, minimum: 0,
       maximum: {number * 1000 + most}}}
    - {{name: note, in: body, max_length: 200, example: as soon as it can be}}
  body: {{format: form}}
{_BACKEND}\
  path: /{noun}
  parameters:
    - {{from: amount, name: total, in: body}}
{_RESULT}"""


def _document(group: int, number: int, noun: str, most: int) -> str:
    return f"""\
request:
  method: PUT
  path: /v{number}/{noun}
  body:
    format: stream
    required: true
    schema:
      type: object
      required: [{noun}_{number}, text]
      additionalProperties: false
      properties:
        {noun}_{number}: {{type: string, minLength: 1, maxLength: {most}}}
        text: {{type: string, maxLength: 2000}}
        place:
          type: object
          required: [latitude, longitude]
          properties:
            latitude: {{type: number, minimum: -90, maximum: 90}}
            longitude: {{type: number, minimum: -180, maximum: 180}}
        tags:
          type: array
          maxItems: 10
          items: {{type: string, pattern: "^{noun}[a-z]{{1,{group + 5}}}$"}}
    example: {{{noun}_{number}: one, text: more of it, tags: [{noun}a, {noun}b]}}
{_BACKEND}\
  path: /{noun}/documents
  timeout_ms: 8000
{_RESULT}"""


def _mock(group: int, number: int, noun: str, most: int) -> str:
    return f"""\
auth: {{type: anonymous}}
request:
  method: GET
  path: /v{number}/{noun}
  parameters:
    - {{name: page, in: query, type: Int, default: 1, minimum: 1, maximum: {most}}}
backend:
  type: mock
  status: 200
  headers: {{Content-Type: application/json}}
  body: '{{"team":{group},"revision":{most - LEAST},"{noun}":[]}}'
"""


def _search(group: int, number: int, noun: str, most: int) -> str:
    return f"""\
auth:
  force_nonce: true
request:
  method: GET
  path: /v{number}/{noun}
  mode: mapping_passthrough
  parameters:
    - {{name: latitude, in: query, type: Double, required: true, minimum: -90, maximum: 90,
       example: 30.2}}
    - {{name: radius_km, in: query, type: Float, default: 12.5, maximum: 500}}
    - {{name: since, in: query, type: Long, description: Milliseconds since 1970, minimum: 0}}
    - {{name: limit, in: query, type: Int, default: 20, enum: [20, 50, {most + 100}]}}
    - {{name: active, in: query, type: Boolean, default: true}}
    - {{name: kinds, in: query, enum: [{noun}, wind, snow], example: {noun}}}
    - name: X-Filter
      in: header
      type: JSON
      example: {{owner_{number}: city}}
      schema:
        type: object
        properties: {{owner_{number}: {{type: string, maxLength: {group + 40}}}}}
        additionalProperties: false
{_BACKEND}\
  path: /{noun}/search
  parameters:
    - {{from: latitude, name: lat, in: query}}
    - {{from: X-Filter, name: filter, in: query}}
{_RESULT}"""


def _instance(group: int, number: int, noun: str, most: int) -> str:
    return f"""\
request:
  method: GET
  path: /v{number}/{noun}/[id]
  parameters:
    - {{name: id, in: path, min_length: 2, max_length: {most}}}
backend:
  type: vpc
  access: instance-{group:02}
  path: /{noun}/[id]
  timeout_ms: 3000
  system:
    - {{from: CaRequestId, name: X-Request-Id, in: header}}
    - {{from: CaStage, name: X-Stage, in: header}}
"""


def _profile(group: int, number: int, noun: str, most: int) -> str:
    return f"""\
auth:
  type: app_openid
  openid:
    type: service
    token: IdToken
    issuers: ["https://team-{group}.localhost"]
    audiences: [{noun}]
    required_claims: [exp, sub]
request:
  method: GET
  path: /v{number}/{noun}/profile
  parameters:
    - {{name: IdToken, in: query}}
    - {{name: depth, in: query, type: Int, minimum: 0, maximum: {most}}}
{_BACKEND}\
  path: /{noun}/[user]/profile
  claims:
    - {{from: sub, name: user, in: path}}
"""


def _upload(group: int, number: int, noun: str, most: int) -> str:
    if number < len(_KINDS):
        return _login(group, number, noun, most)
    return f"""\
request:
  method: POST
  path: /v{number}/{noun}
  body: {{format: multipart, required: true}}
  parameters:
    - {{name: photo, in: body, type: File, required: true, max_bytes: {most * 1000}}}
    - {{name: caption, in: body, max_length: {group + 80}}}
{_BACKEND}\
  path: /{noun}/photos
{_RESULT}"""


def _login(group: int, number: int, noun: str, most: int) -> str:
    return f"""\
auth:
  type: app_openid
  openid:
    type: authorization
    issuer: https://team-{group}.localhost
    keys:
      - key_id: "{70955504795710013903496465910669810000 + group}"
        public_key: {PUBLIC_KEY}
request:
  method: POST
  path: /v{number}/{noun}
  body: {{format: form, required: true}}
  parameters:
    - {{name: user, in: body, required: true, max_length: {most}, example: alice}}
    - {{name: password, in: body, required: true, max_length: 200}}
{_BACKEND}\
  path: /login
"""


_KINDS: tuple[Callable[[int, int, str, int], str], ...] = (
    _lookup,
    _form,
    _document,
    _mock,
    _search,
    _instance,
    _profile,
    _upload,
)


def _write_policies(policies: Path, groups: int, apis: int, apps: int, port: int) -> None:
    """Each group has a limit, a signature key and an instance; each app may call one group whole
    and ten APIs of the next one."""
    grants, throttling, keys, controls = "", "throttling:\n", "signature_keys:\n", "ip_control:\n"
    some = [api_name(number) for number in range(0, apis, max(1, apis // 10))]
    for app in range(apps):
        whole, next_one = group_name(app % groups), group_name((app + 1) % groups)
        grants += f'- {{app: app-{app:03}, group: {whole}, apis: "*"}}\n'
        grants += f"- app: app-{app:03}\n  group: {next_one}\n  apis: [{', '.join(some)}]\n"
    for group in range(groups):
        name, number = group_name(group), f"{group:02}"
        _write(
            policies / "throttling" / f"limit-{number}.yaml",
            f"name: limit-{number}\nunit: minute\napi: {100_000 + group}\nuser: 60000\n",
        )
        _write(
            policies / "signature-keys" / f"key-{number}.yaml",
            f"name: key-{number}\nkey: TeamKey{number}\nsecret: file:key-{number}.secret\n",
        )
        _write(policies / "signature-keys" / f"key-{number}.secret", f"TeamSecret-{number}\n")
        _write(
            policies / "vpc-access" / f"instance-{number}.yaml",
            f"name: instance-{number}\nvpc_id: vpc-{group:06}\ninstance_id: i-{group:06}\n"
            f"port: {port}\nhost: 127.0.0.1\n",
        )
        throttling += f'  - {{policy: limit-{number}, group: {name}, apis: "*"}}\n'
        keys += f'  - {{policy: key-{number}, group: {name}, apis: "*"}}\n'
        controls += f"  - {{policy: anyone, group: {name}, apis: [{api_name(0)}]}}\n"
    _write(policies / "ip-control" / "anyone.yaml", 'name: anyone\nallow: ["0.0.0.0/0", "::/0"]\n')
    _write(policies / "grants.yaml", grants)
    _write(policies / "bindings.yaml", throttling + keys + controls)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a large project into a folder.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--groups", type=int, default=GROUPS)
    parser.add_argument("--apis", type=int, default=APIS, help="of each group")
    parser.add_argument("--revision", type=int, help="write the APIs alone, all of them edited")
    arguments = parser.parse_args()
    size = {"groups": arguments.groups, "apis": arguments.apis}
    if arguments.revision is None:
        write_project(arguments.folder, **size)
    else:
        write_apis(arguments.folder, **size, revision=arguments.revision)


if __name__ == "__main__":
    main()
