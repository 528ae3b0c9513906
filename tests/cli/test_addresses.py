"""What a listener says somebody has to type to reach it."""

import socket
import sys

import pytest

from udpmsg.cli.addresses import own_addresses
from udpmsg.cli.listen import how_to_send
from udpmsg.sockets.endpoint import Endpoint


def test_here_and_how_to_be_reached_from_elsewhere() -> None:
    assert list(how_to_send([Endpoint("udp", "127.0.0.1", 5000)])) == [
        "Send to it from another terminal: udpmsg send 127.0.0.1 hello",
        "For other machines too, listen with --host 0.0.0.0",
    ]


def test_on_every_address_each_of_ours_over_each_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {"0.0.0.0": ["10.0.0.7", "192.168.1.5"], "::": ["2001:db8::7"]}
    monkeypatch.setattr("udpmsg.cli.addresses.own_addresses", ours.__getitem__)
    assert list(how_to_send([Endpoint("udp", "0.0.0.0", 5001), Endpoint("tcp", "0.0.0.0", 5001)])) == [
        "Send to it from another machine: udpmsg send 10.0.0.7:5001 hello",
        "Send to it from another machine: udpmsg send 192.168.1.5:5001 hello",
        "Send to it from another machine: udpmsg send 10.0.0.7:5001 hello --tcp",
        "Send to it from another machine: udpmsg send 192.168.1.5:5001 hello --tcp",
    ]
    assert list(how_to_send([Endpoint("udp", "::", 5001)])) == [
        "Send to it from another machine: udpmsg send [2001:db8::7]:5001 hello"
    ]


def test_a_machine_without_a_network_has_no_address_to_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("udpmsg.cli.addresses.own_addresses", lambda wildcard: [])
    (line,) = how_to_send([Endpoint("udp", "0.0.0.0", 5000)])
    assert line == "Send to it from another machine: udpmsg send ADDRESS hello"


@pytest.mark.parametrize("wildcard", ["0.0.0.0", "::"])
def test_what_it_names_can_be_listened_on(wildcard: str) -> None:
    """Whatever this machine has; loopback is not among it, since nobody else reaches that."""
    for address in own_addresses(wildcard):
        assert not address.startswith("127.")
        assert address != "::1"
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        assert family == socket.AF_INET or wildcard == "::"
        with socket.socket(family, socket.SOCK_DGRAM) as ours:
            ours.bind((address, 0))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems tell of the one that packets leave from alone")
def test_an_interface_without_a_route_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "udpmsg.cli.addresses.ELSEWHERE", {socket.AF_INET: "255.255.255.255", socket.AF_INET6: "::ffff:255.255.255.255"}
    )  # refused: no broadcast here
    monkeypatch.setattr("socket.if_nameindex", lambda: [(1, "lo"), (2, "eth7")])
    monkeypatch.setattr("udpmsg.cli.addresses._address_of", lambda probe, name: {"lo": "127.0.0.1", "eth7": "10.1.2.3"}[name])
    assert own_addresses("0.0.0.0") == ["10.1.2.3"]
    assert "10.1.2.3" in own_addresses("::"), "a listener there hears IPv4 too"
