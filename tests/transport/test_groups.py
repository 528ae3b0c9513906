"""Two groups on one port: who listens to one gets nothing of the other, though somebody on this machine has joined that too."""

import socket
import sys
from contextlib import ExitStack

import pytest

from tests.transport.support import LOOPBACK, PATIENCE, collect
from udpmsg import Message, Receiver, Sender
from udpmsg.lab.namespaces import LabUnavailable, await_carrier, enter_user_namespace
from udpmsg.lab.processes import Told, start

OURS, OTHER = "239.255.77.78", "239.255.77.79"
OURS_IPV6, OTHER_IPV6 = "ff11::7778", "ff11::7779"
CABLE = "cable"
IFA_F_NODAD = 2
"""Linux, if_addr.h: the address is ours at once, without asking whether somebody else has it."""
linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems give a socket only the groups that it joined")


def came_of_both_groups(ours: str, other: str, interface: str, unicast: str) -> tuple[list[bytes], list[bytes]]:
    """What each of two listeners on one port gets of what is sent to both groups, and then to the machine itself."""
    with ExitStack() as stack:
        first = stack.enter_context(Receiver(port=0, multicast=ours, interface=interface))
        port = first.endpoints[0].port
        second = stack.enter_context(Receiver(port=port, multicast=other, interface=interface))
        for group in (other, ours):
            stack.enter_context(Sender(group, port, interface=interface, ttl=1)).send(f"to {group}")
        came = [[message.payload for message in collect(receiver, Message)] for receiver in (first, second)]
        second.close()  # of two sockets on one port, one gets what is sent to the machine itself
        stack.enter_context(Sender(unicast, port)).send("to this machine")
        came[0] += [message.payload for message in collect(first, Message)]
    return came[0], came[1]


@linux
def test_of_two_ipv4_groups_each_listener_gets_its_own() -> None:
    first, second = came_of_both_groups(OURS, OTHER, LOOPBACK, LOOPBACK)
    assert first == [b"to 239.255.77.78", b"to this machine"]
    assert second == [b"to 239.255.77.79"]


@linux
def test_of_two_ipv6_groups_each_listener_gets_its_own() -> None:
    """In a network of its own: Linux' loopback carries no IPv6 groups."""
    child = start("test", prepare=give_groups_a_cable)
    try:
        try:
            child.result(PATIENCE)
        except LabUnavailable as error:
            pytest.skip(str(error))
        child.call(ipv6_groups)
        first, second, mapped = child.result(PATIENCE)
    finally:
        child.end()
    assert first == [b"to ff11::7778", b"to this machine"]
    assert second == [b"to ff11::7779"]
    assert mapped == [b"by IPv4, to this machine"], "an IPv6 socket takes IPv4 too, and must not take its groups"


def give_groups_a_cable() -> None:
    """A network of our own with a cable that leads nowhere, and loopback."""
    enter_user_namespace()
    from pyroute2 import IPRoute

    with IPRoute() as network:
        network.link("add", ifname=CABLE, kind="veth", peer=f"{CABLE}-end")
        for name in ("lo", CABLE, f"{CABLE}-end"):
            network.link("set", index=network.link_lookup(ifname=name)[0], state="up")
        index = network.link_lookup(ifname=CABLE)[0]
        network.addr("add", index=index, address="fd00::1", prefixlen=64, family=socket.AF_INET6, flags=IFA_F_NODAD)
    await_carrier([CABLE])


def ipv6_groups(told: Told) -> tuple[list[bytes], list[bytes], list[bytes]]:
    return *came_of_both_groups(OURS_IPV6, OTHER_IPV6, CABLE, "::1"), came_by_ipv4()


def came_by_ipv4() -> list[bytes]:
    """What a listener to an IPv6 group gets of what is sent to an IPv4 group that somebody else has joined."""
    with ExitStack() as stack:
        receiver = stack.enter_context(Receiver(port=0, multicast=OURS_IPV6, interface=CABLE))
        port = receiver.endpoints[0].port
        stack.enter_context(Receiver(port=0, multicast=OTHER, interface=LOOPBACK))
        stack.enter_context(Sender(OTHER, port, interface=LOOPBACK, ttl=1)).send("to a group")
        stack.enter_context(Sender(LOOPBACK, port)).send("by IPv4, to this machine")
        return [message.payload for message in collect(receiver, Message)]
