"""The addresses of this machine that other machines may send to. Loaded for a listener on every address, to be read out.

Knows them as far as the system tells without asking anybody else: a name server could keep a listener waiting.
"""

import socket
import struct
import sys

ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
"""Addresses of nobody (RFC 5737, RFC 3849): where a packet to them would leave from is an address of ours."""
FAMILIES = (socket.AF_INET6, socket.AF_INET)
SIOCGIFADDR = 0x8915
"""Linux: the IPv4 address of an interface (netdevice(7))."""


def own_addresses(wildcard: str) -> list[str]:
    """Numeric addresses for 0.0.0.0 or ::, which is for IPv4 too, without loopback. Of each family the one that packets leave
    from is the first."""
    found = [address for family in (FAMILIES if ":" in wildcard else FAMILIES[1:]) for address in _addresses(family)]
    return [address for address in dict.fromkeys(found) if not address.startswith("127.") and address != "::1"]


def _addresses(family: socket.AddressFamily) -> list[str]:
    found = []
    try:
        probe = socket.socket(family, socket.SOCK_DGRAM)
    except OSError:
        return []  # this system has no such family
    with probe:
        try:
            probe.connect((ELSEWHERE[family], 9))  # sends nothing
            found.append(probe.getsockname()[0])
        except OSError:
            pass  # no route to anywhere: the interfaces may have addresses all the same
        if family == socket.AF_INET and sys.platform == "linux":
            found += [address for _, name in socket.if_nameindex() if (address := _address_of(probe, name))]
    return found


def _address_of(probe: socket.socket, interface: str) -> str | None:
    from fcntl import ioctl

    try:
        answer = ioctl(probe.fileno(), SIOCGIFADDR, struct.pack("256s", interface.encode()[:15]))
    except OSError:
        return None  # it has none
    return socket.inet_ntoa(answer[20:24])
