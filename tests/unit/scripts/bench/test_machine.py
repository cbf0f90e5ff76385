"""scripts/bench/machine.py"""

import socket

from scripts.bench.machine import machine_class, processor


def test_a_processor_is_told_by_its_model() -> None:
    assert processor("processor : 0\nmodel name\t: AMD EPYC 7\n") == "AMD EPYC 7"
    assert processor("nothing")


def test_the_machine_has_no_name_and_no_place() -> None:
    text = machine_class()
    assert "mitmproxy" in text and "Python" in text and "cores" in text
    assert socket.gethostname() not in text and "/" not in text
