"""A DNS server of the tests' own: UDP on a free port of 127.0.0.1, answering from a dict.

`names` may be changed while it runs. A value is one record in DNS's own words (`CNAME target`,
`A 10.0.0.1 10.0.0.2`, `AAAA ::1`), NOTHING for a name without records, an error of DNS such as
`SERVFAIL`, or SILENT for no answer at all. A name that is not there does not exist (NXDOMAIN).
"""

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

NOTHING = "NOTHING"
SILENT = "SILENT"

_RECORDS = frozenset({"CNAME", "A", "AAAA"})


class DnsServer:
    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = dict(names)
        self.asked: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._socket.getsockname()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def text(self) -> str:
        """As it stands in gateway.yaml."""
        return "{}:{}".format(*self.address)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """An empty packet ends the thread: closing a socket does not wake who waits at it."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waking:
            waking.sendto(b"", self.address)
        self._thread.join(timeout=10)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            packet, caller = self._socket.recvfrom(4096)
            if not packet:
                return
            answer = self._answer(dns.message.from_wire(packet))
            if answer is not None:
                self._socket.sendto(answer.to_wire(), caller)

    def _answer(self, query: dns.message.Message) -> dns.message.Message | None:
        (question,) = query.question
        name = question.name.to_text(omit_final_dot=True).lower()
        self.asked.append(f"{name} {question.rdtype.name}")
        said = self.names.get(name, "NXDOMAIN")
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        kind, *values = said.split()
        if kind == SILENT:
            return None
        if kind in _RECORDS:
            if kind in ("CNAME", question.rdtype.name):
                values = [f"{value}." if kind == "CNAME" else value for value in values]
                answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *values))
        elif kind != NOTHING:
            answer.set_rcode(dns.rcode.from_text(kind))
        return answer


@contextlib.contextmanager
def dns_server(names: Mapping[str, str]) -> Iterator[DnsServer]:
    server = DnsServer(names)
    server.start()
    try:
        yield server
    finally:
        server.stop()
