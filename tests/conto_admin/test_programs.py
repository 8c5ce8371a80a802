"""An address that cannot be used is refused in words, and one that is just being given back is waited for."""

import argparse
import socket
from pathlib import Path
from threading import Timer

import pytest

from conto_admin.programs import host, must_be_free, port
from conto_admin.supervise import ProgramFailed

HOST = "127.0.0.1"
OF_IPV6 = ["::", "::1"] if Path("/proc/net/if_inet6").exists() else []


def listener() -> socket.socket:
    server = socket.socket()
    server.bind((HOST, 0))
    server.listen()
    return server


def test_a_port_that_is_given_back_is_waited_for() -> None:
    with listener() as server:
        number = server.getsockname()[1]
        Timer(0.3, server.close).start()

        must_be_free(HOST, number)


def test_a_port_that_stays_taken_is_refused_with_a_way_out() -> None:
    with listener() as server:
        number = server.getsockname()[1]

        with pytest.raises(ProgramFailed, match=rf"Port {number} cannot be used .*--port"):
            must_be_free(HOST, number)


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", *OF_IPV6])
def test_an_address_of_this_machine_may_be_used(address: str) -> None:
    with listener() as server:
        number = server.getsockname()[1]

    must_be_free(host(address), number)


def test_a_name_is_no_network_address() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="localhost is no network address"):
        host("localhost")


def test_an_address_of_no_network_of_this_machine_is_named() -> None:
    with pytest.raises(ProgramFailed, match=r"The address 192\.0\.2\.1 cannot be used .*--host 127\.0\.0\.1"):
        must_be_free("192.0.2.1", 8000)


@pytest.mark.parametrize("text", ["0", "70000", "-1", "http", "²", ""])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="they go from 1 to 65535"):
        port(text)


def test_a_port_is_read() -> None:
    assert port("65535") == 65_535
