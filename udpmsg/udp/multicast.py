"""Joining groups, and choosing the interface that a group's datagrams leave by. UDP alone: TCP has one peer."""

import socket
import struct
import sys

from udpmsg.base.errors import UsageError

IP_MULTICAST_ALL, IPV6_MULTICAST_ALL = 49, 29
"""Linux, in.h and in6.h; they have no name in Python 3.11."""

# ipaddress is imported where it is needed: every sender loads this module, and most of them send to one host.


def join(listener: socket.socket, group: str, interface: str | None) -> None:
    """Receive what is sent to `group`, on the interface that has the address (or IPv6 name) `interface`, or the system's choice;
    of other groups nothing. What is sent to this machine's own addresses comes as before.

    Raises UsageError for an address that is no group, and OSError when the system has no such interface.
    """
    if (":" in group) != (listener.family == socket.AF_INET6):
        any_address = "::" if ":" in group else "0.0.0.0"
        raise UsageError("{} is not of the family of the address to listen on: listen on {}", group, any_address)
    if listener.family == socket.AF_INET6:
        request = socket.inet_pton(socket.AF_INET6, group.split("%")[0]) + struct.pack("@I", interface_index(interface))
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)
    else:
        request = socket.inet_aton(group) + socket.inet_aton(ipv4(interface) if interface else "0.0.0.0")
        listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
    refuse_other_groups(listener)


def refuse_other_groups(listener: socket.socket) -> None:
    """Linux alone gives a socket also what is sent to groups that other programs of the machine have joined (ip(7))."""
    if sys.platform != "linux":
        return
    for level, option in ((socket.IPPROTO_IP, IP_MULTICAST_ALL), (socket.IPPROTO_IPV6, IPV6_MULTICAST_ALL)):
        if level == socket.IPPROTO_IP or listener.family == socket.AF_INET6:  # an IPv6 socket may take IPv4 too
            try:
                listener.setsockopt(level, option, 0)
            except OSError:
                pass  # IPv6 before Linux 4.20: there the other groups come too


def choose_interface(sender: socket.socket, family: int, interface: str) -> None:
    """Let multicast datagrams leave by the interface with this address (IPv4) or name (IPv6)."""
    if family == socket.AF_INET6:
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, interface_index(interface))
    else:
        try:
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(ipv4(interface)))
        except OSError:
            raise UsageError("this machine has no address {}: give the address of one of its interfaces", interface) from None


def check_group(group: str) -> None:
    """Raise UsageError for what is not a multicast address."""
    import ipaddress

    try:
        valid = ipaddress.ip_address(group.split("%")[0]).is_multicast
    except ValueError:
        valid = False
    if not valid:
        raise UsageError("{!r} is not a multicast group: choose one such as 239.1.2.3 or ff15::1", group)


def ipv4(interface: str) -> str:
    """The interface as an IPv4 address; raises UsageError for anything else."""
    import ipaddress

    try:
        return str(ipaddress.IPv4Address(interface))
    except ValueError:
        raise UsageError("{!r} is not an IPv4 address of this machine: give the address of the interface", interface) from None


def interface_index(interface: str | None) -> int:
    """The number of an interface by its name; 0, the system's choice, for None. Raises UsageError for an unknown name."""
    try:
        return socket.if_nametoindex(interface) if interface else 0
    except OSError:
        names = ", ".join(name for _, name in socket.if_nameindex())
        raise UsageError("there is no interface {!r} here: choose one of {}", interface, names) from None
