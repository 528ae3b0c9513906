"""Two hosts inside an unprivileged user namespace: who may make them, how they are wired, and why it can't be done here.

Owns the system calls and the settings of the interfaces. Nothing of it has a name outside of the processes that live in it, so
the kernel takes all of it away when the last of them ends. Knows no frame and no fault. Linux alone.

    sender 198.18.0.1 (eth0) ==== to-sender [router] to-receiver ==== (eth0) 198.18.0.2 receiver

The addresses are those that RFC 2544 (C.2.2) set aside for measuring; none of them is ever seen outside.
"""

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import sleep
from typing import Any, NamedTuple

from udpmsg.base.errors import N_, Phrase, UdpmsgError
from udpmsg.lab.processes import ChildFailed

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
"""Linux, sched.h; Python has os.unshare from 3.12."""
PREFIX_LENGTH = 24
HOST_INTERFACE = "eth0"
ROUTER_MTU = 65_535
"""The router carries what the hosts may send; the link's own MTU is a fault like the others."""
ETHERNET_MTU = 1500
SETTINGS = {
    "net/ipv6/conf/all/disable_ipv6": "1",
    "net/ipv6/conf/default/disable_ipv6": "1",
    "net/ipv4/route/min_pmtu": "68",
}
"""Settings of a host: no router solicitations and the like between the frames that are looked at, and a path may be as narrow as
RFC 791 allows (Linux believes no ICMP message that says less than 552 bytes, and then lets routers cut up even TCP)."""

OFFLOADS = (
    "tx-checksum-ip-generic",
    "tx-checksum-ipv4",
    "tx-checksum-sctp",
    "tx-scatter-gather",
    "tx-scatter-gather-fraglist",
    "tx-tcp-segmentation",
    "tx-tcp-ecn-segmentation",
    "tx-tcp-mangleid-segmentation",
    "tx-tcp6-segmentation",
    "tx-generic-segmentation",
    "tx-udp-segmentation",
    "tx-gso-list",
    "rx-gro",
    "rx-gro-list",
    "rx-udp-gro-forwarding",
)
"""What a network card may leave for later; switched off, so that frames are what travels on a real wire, checksums included."""


class Host(NamedTuple):
    """One of the two: its name, its IPv4 address, its Ethernet address, and the router's interface to it."""

    name: str
    address: str
    ethernet: str
    router_interface: str


LOOKS, LOOK_AGAIN = 5000, 0.001
"""How often, and after how many seconds again, to look whether a cable is up."""

SENDER = Host(N_("sender"), "198.18.0.1", "02:00:00:00:00:01", "to-sender")
RECEIVER = Host(N_("receiver"), "198.18.0.2", "02:00:00:00:00:02", "to-receiver")


NETWORK_NAMESPACE = Phrase("make a network namespace")


class LabUnavailable(UdpmsgError):
    """Namespaces cannot be made here; the sentence says why, and what can be done."""


def enter_user_namespace() -> None:
    """Make this process root in a user namespace and a network namespace of its own. Raises LabUnavailable."""
    user, group = os.geteuid(), os.getegid()
    step = Phrase("make a user namespace")
    try:
        try:
            unshare(CLONE_NEWUSER)
        except OSError:
            if user != 0:
                raise
            step = NETWORK_NAMESPACE  # root may do without
        else:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"0 {user} 1")
            Path("/proc/self/gid_map").write_text(f"0 {group} 1")
            step = NETWORK_NAMESPACE
        unshare(CLONE_NEWNET)
    except OSError as error:
        raise explained(step, error.errno or 0, setting, sys.platform) from None


def enter_network_namespace() -> None:
    """Give this process, which is root here, a network namespace of its own. Raises LabUnavailable."""
    try:
        unshare(CLONE_NEWNET)
    except OSError as error:
        raise explained(NETWORK_NAMESPACE, error.errno or 0, setting, sys.platform) from None


def wire_up(hosts: dict[Host, int]) -> None:
    """In the router: a veth pair to each host, whose process is given. Raises LabUnavailable, and ChildFailed for a host gone."""
    from pyroute2 import IPRoute

    try:
        with IPRoute() as route:
            for host, process in hosts.items():
                name = host.router_interface
                peer = {"ifname": HOST_INTERFACE, "net_ns_pid": process}
                route.link("add", ifname=name, kind="veth", peer=peer)
                (index,) = route.link_lookup(ifname=name)
                route.link("set", index=index, mtu=ROUTER_MTU)
                switch_off_offloads(name)
                route.link("set", index=index, state="up")
    except Exception as error:
        if errno_of(error) == errno.ESRCH:
            raise ChildFailed("a host of the lab ended unexpectedly: try again") from None
        raise explained(Phrase("make a virtual cable (veth)"), errno_of(error), setting, sys.platform) from None


def configure_host(host: Host, others: list[Host], mtu: int) -> None:
    """In a host, once its cable is there: addresses, the neighbours known beforehand, no offloads. `mtu` in bytes."""
    from pyroute2 import IPRoute

    for name, value in SETTINGS.items():
        try:
            Path("/proc/sys", name).write_text(value)
        except OSError:
            pass  # read-only in some containers: the router then sees a few frames of IPv6, which it counts as other
    try:
        with IPRoute() as route:
            (loopback,) = route.link_lookup(ifname="lo")
            route.link("set", index=loopback, state="up")
            (index,) = route.link_lookup(ifname=HOST_INTERFACE)
            route.link("set", index=index, address=host.ethernet, mtu=mtu)
            switch_off_offloads(HOST_INTERFACE)
            route.addr("add", index=index, address=host.address, prefixlen=PREFIX_LENGTH)
            route.link("set", index=index, state="up")
            for other in others:
                route.neigh("add", dst=other.address, lladdr=other.ethernet, ifindex=index, state="permanent")
        await_carrier([HOST_INTERFACE])
    except LabUnavailable:
        raise
    except Exception as error:
        raise explained(Phrase("set up a virtual host"), errno_of(error), setting, sys.platform) from None


def await_carrier(names: list[str]) -> None:
    """Wait until these interfaces carry frames: what is sent before the kernel has noticed both ends of a cable is lost."""
    from pyroute2 import IPRoute

    with IPRoute() as route:
        for name in names:
            (index,) = route.link_lookup(ifname=name)
            for _ in range(LOOKS):
                if route.get_links(index)[0].get_attr("IFLA_OPERSTATE") == "UP":
                    break
                sleep(LOOK_AGAIN)
            else:
                raise LabUnavailable("the virtual cable {} carries nothing: try again", name)


def switch_off_offloads(interface: str) -> None:
    """Have the kernel send what travels: whole checksums, and no segment larger than the MTU."""
    from pyroute2.ethtool.ioctl import IoctlEthtool

    device = IoctlEthtool(interface)
    features = device.get_features()
    for name in OFFLOADS:
        if name in features and features.is_available(name):
            features[name] = False
    device.set_features(features)


def unshare(flags: int) -> None:
    """unshare(2). Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def setting(name: str) -> str | None:
    """What /proc/sys says under this name; None where there is no such setting."""
    try:
        return Path("/proc/sys", name).read_text().strip()
    except OSError:
        return None


def explained(step: Phrase, number: int, read: Callable[[str], str | None], platform: str) -> LabUnavailable:
    """Why a step failed, and how to allow it. `read` tells settings by their names below /proc/sys."""
    return LabUnavailable("cannot {}: {}", step, reason(step, number, read, platform))


def reason(step: Phrase, number: int, read: Callable[[str], str | None], platform: str) -> Phrase:
    """The most likely cause of an error number on this system, with the way out."""
    if platform != "linux":
        return Phrase("only Linux has network namespaces")
    most = read("user/max_user_namespaces")
    if most is None:
        return Phrase("this kernel was built without user namespaces (there is no /proc/sys/user/max_user_namespaces)")
    if most == "0" or read("user/max_net_namespaces") == "0":
        which = "user" if most == "0" else "net"
        return Phrase("user.max_{}_namespaces is 0 here; allow some: sudo sysctl user.max_{}_namespaces=10000", which, which)
    if number == errno.ENOSPC:
        which = "net" if step == NETWORK_NAMESPACE else "user"
        return Phrase(
            "this system allows no more namespaces of this kind; more: sudo sysctl user.max_{}_namespaces=100000", which
        )
    if number in (errno.EPERM, errno.EACCES):
        if read("kernel/unprivileged_userns_clone") == "0":
            return Phrase("only root may do this here; allow it: sudo sysctl kernel.unprivileged_userns_clone=1")
        if read("kernel/apparmor_restrict_unprivileged_userns") == "1":
            return Phrase(
                "AppArmor forbids it; allow it: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0, or run this with sudo"
            )
        return Phrase(
            "the system forbids it, as containers do; allow it there "
            "(docker run --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined), or run this outside of one"
        )
    if number in (errno.EOPNOTSUPP, errno.ENODEV, errno.ENOENT):
        return Phrase(
            "the kernel has no module for it; load it: sudo modprobe veth (or install the kernel's package of further modules)"
        )
    if number == errno.EAFNOSUPPORT:
        return Phrase("the kernel has no packet sockets; load them: sudo modprobe af_packet")
    return Phrase(os.strerror(number)) if number else Phrase("the system gave no reason")


def errno_of(error: Exception) -> int:
    """The system's error number behind an exception of pyroute2, which has its own; 0 where there is none."""
    code: Any = getattr(error, "code", None) or getattr(error, "errno", None)
    return abs(code) if isinstance(code, int) else 0
