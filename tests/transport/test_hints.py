"""What ICMP says of the way to an endpoint: each has its sentence, and only a port without a listener is a refusal.

The ICMP is real: a raw socket writes it, in a network namespace of the test's own.
"""

import errno
import socket
import struct
import sys
from contextlib import ExitStack
from typing import Any

import pytest

from tests.transport.support import LOOPBACK, PATIENCE, collect
from tests.transport.test_other_systems import Foreign
from udpmsg import Hint, Message, Receiver, Sender, Unreachable
from udpmsg.lab.namespaces import LabUnavailable, enter_user_namespace
from udpmsg.lab.processes import Told, start
from udpmsg.link.faults import Link
from udpmsg.relay.relay import Relay

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs a network namespace")
CODES = {3: Hint.NOBODY, 9: Hint.NO_NETWORK, 10: Hint.NO_HOST, 13: Hint.NO_HOST, 7: Hint.DOWN, 8: Hint.CUT_OFF, 2: Hint.NO_UDP}
"""RFC 792 and RFC 1122, 3.2.2.1: codes of type 3, and what Linux makes of them."""
CODES_IPV6 = {4: Hint.NOBODY, 1: Hint.FORBIDDEN, 5: Hint.FORBIDDEN}
"""RFC 4443, 3.1: codes of type 1."""


@linux
def test_each_code_has_its_hint_and_the_relay_counts_as_refusals_what_is_one() -> None:
    child = start("test", prepare=own_loopback)
    try:
        try:
            child.result(PATIENCE)
        except LabUnavailable as error:
            pytest.skip(str(error))
        child.call(hints_by_code)
        hints, relayed = child.result(PATIENCE)
    finally:
        child.end()
    expected = {(4, code): hint for code, hint in CODES.items()} | {(6, code): hint for code, hint in CODES_IPV6.items()}
    assert hints == {key: (hint, hint is Hint.NOBODY) for key, hint in expected.items()}
    assert relayed == (1, len(CODES) - 1)


def own_loopback() -> None:
    enter_user_namespace()
    from pyroute2 import IPRoute

    with IPRoute() as network:
        network.link("set", index=network.link_lookup(ifname="lo")[0], state="up")


def hints_by_code(told: Told) -> tuple[dict[tuple[int, int], tuple[Hint, bool]], tuple[int, int]]:
    """What a sender makes of each code, by IP's version, and what a relay counts of all of IPv4's: refusals and the rest."""
    hints = {}
    with ExitStack() as stack:
        for version, host, codes in ((4, LOOPBACK, CODES), (6, "::1", CODES_IPV6)):
            target = stack.enter_context(socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, socket.SOCK_DGRAM))
            target.bind((host, 0))
            sender = stack.enter_context(Sender(host, target.getsockname()[1]))
            for code in codes:
                unreachable(version, code, sender._socket._socket.getsockname()[1], target.getsockname()[1])
                (event,) = sender.poll(PATIENCE)
                assert isinstance(event, Unreachable)
                hints[version, code] = event.hint, event.refused
        target = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        target.bind((LOOPBACK, 0))
        target.settimeout(PATIENCE)
        relay = stack.enter_context(Relay(LOOPBACK, 0, LOOPBACK, target.getsockname()[1], link=Link(), seed=1))
        stack.enter_context(Sender(LOOPBACK, relay.endpoints[0].port)).send("x")
        relay.turn()
        _, upstream = target.recvfrom(100)
        for code in CODES:
            unreachable(4, code, upstream[1], target.getsockname()[1])
            while not any(isinstance(event, Unreachable) for event in relay.turn()):
                pass
        statistics = relay.statistics()
    return hints, (statistics.refused_icmp, statistics.unreachable_icmp)


def unreachable(version: int, code: int, source: int, target: int) -> None:
    """Write an ICMP "destination unreachable" about a datagram from loopback's port `source` to its port `target`."""
    udp = struct.pack("!4H", source, target, 9, 0)
    if version == 4:
        address = socket.inet_aton(LOOPBACK)
        original = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + 9, 0, 0, 64, socket.IPPROTO_UDP, 0, address, address) + udp
        message = struct.pack("!BBHI", 3, code, 0, 0) + original
        message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
            raw.sendto(message, (LOOPBACK, 0))
        return
    address = socket.inet_pton(socket.AF_INET6, "::1")
    original = struct.pack("!IHBB16s16s", 6 << 28, 9, socket.IPPROTO_UDP, 64, address, address) + udp
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as raw:  # the kernel adds the checksum
        raw.sendto(struct.pack("!BBHI", 1, code, 0, 0) + original, ("::1", 0))


def checksum(data: bytes) -> int:
    """RFC 1071."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


@pytest.mark.parametrize("number", [errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.ECONNREFUSED])
def test_what_icmp_said_of_an_earlier_datagram_fails_no_later_one(stack: ExitStack, number: int) -> None:
    receiver = stack.enter_context(Receiver(port=0))
    sender = stack.enter_context(Sender(LOOPBACK, receiver.endpoints[0].port))
    real, errors = sender._socket._socket, [OSError(number, "earlier")]

    def send(data: bytes) -> Any:
        if errors:
            raise errors.pop()
        return real.send(data)

    sender._socket._socket = Foreign(real, send=send)  # type: ignore[assignment]
    sender.send("x")
    assert [message.payload for message in collect(receiver, Message)] == [b"x"]
    (event,) = sender.poll(0)
    assert isinstance(event, Unreachable)
    assert event.refused is (number == errno.ECONNREFUSED)
    sender._socket._socket = real


def test_what_the_system_itself_says_is_no_hint_of_icmp(stack: ExitStack) -> None:
    """It has no way there, and says so each time: the message was not sent, and nothing came back."""
    sender = stack.enter_context(Sender(LOOPBACK, 9))
    real = sender._socket._socket

    def send(data: bytes) -> Any:
        raise OSError(errno.ENETUNREACH, "no route")

    sender._socket._socket = Foreign(real, send=send)  # type: ignore[assignment]
    sender.send("x")
    (event,) = sender.poll(0)
    assert (event.reason, sender.statistics().messages_refused) == ("not sent (ENETUNREACH)", 1)  # type: ignore[union-attr]
    sender._socket._socket = real
