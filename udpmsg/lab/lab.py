"""The lab: two hosts and a router in namespaces of our own, with the kernel's real UDP and TCP, and a link with faults between.

Owns the three processes, and starts and ends them in order. Knows neither frames nor faults (see `router`), nor what runs on
the hosts. The processes die with this one, and the namespaces with the processes: nothing is left to clean up, whatever ends.

    with Lab(link, seed=7) as lab:
        lab.receiver.call(function, ...)      # runs there as function(told, ...)
        lab.sender.call(function, ...)
        lab.sender.result()
        lab.settle()
        carried = lab.stop()
"""

import os
import sys
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from udpmsg.base.closing import Closing
from udpmsg.base.durations import MILLISECOND
from udpmsg.base.errors import N_, Phrase, UdpmsgError
from udpmsg.lab import namespaces
from udpmsg.lab.namespaces import RECEIVER, SENDER, Host, LabUnavailable
from udpmsg.lab.processes import Child, ChildFailed, die_with, live, start
from udpmsg.lab.router import RouterLog, carry
from udpmsg.link.faults import Link

START_LIMIT = 20.0
"""Seconds that namespaces and cables may take; a loaded machine takes one."""
LAST_WORDS = 0.5
"""Once one process has failed: seconds in which another may give a better reason."""
STOP_LIMIT = 60.0
"""Seconds that the router may take to hand over its record: 10 million frames need about that long."""
QUIET = 200 * MILLISECOND
"""Besides a round trip: longer than a delayed acknowledgment (40 ms) takes, and than a loaded machine sits on a frame."""


class Lab(Closing):
    """Two hosts that can run functions, and the link between them."""

    def __init__(self, link: Link, *, seed: int, capture: bool = False) -> None:
        """Make it. `capture`: keep every frame whole. Raises LabUnavailable, whose sentence says why it can't be done here."""
        if sys.platform != "linux":
            raise namespaces.explained(Phrase("make a lab"), 0, namespaces.setting, sys.platform)
        import pyroute2.ethtool.ioctl  # noqa: F401 - before the forks, so that it is loaded once

        self._link = link
        ends = [Pipe(), Pipe()]
        theirs = [end[1] for end in ends]
        mtu = max(namespaces.ETHERNET_MTU, link.forward.mtu or 0, link.back.mtu or 0)
        parent = os.getpid()
        self.router = start(
            N_("router"), prepare=lambda: build(theirs, parent, mtu), keep=[connection.fileno() for connection in theirs]
        )
        for connection in theirs:
            connection.close()
        self.sender, self.receiver = (
            Child(host.name, None, ours) for host, (ours, _) in zip((SENDER, RECEIVER), ends, strict=True)
        )
        try:
            self._await_birth()
            interfaces = (SENDER.router_interface, RECEIVER.router_interface)
            self.router.call(carry, link, seed, interfaces, capture)
            if self.router.hear(START_LIMIT) is None:
                raise ChildFailed("the router did not begin to carry frames: try again")
        except BaseException:
            self.close()
            raise

    @property
    def address(self) -> str:
        """Where the sender finds the receiver."""
        return RECEIVER.address

    def settle(self, limit: float = 5.0) -> bool:
        """Wait until nothing has been on the link for longer than a round trip; False when that took over `limit` seconds."""
        forward, back = self._link.forward, self._link.back
        round_trip = sum(max(path.delays) + path.jitter + bool(path.reorder) * path.reorder_by for path in (forward, back))
        self.router.tell(round_trip + QUIET)
        return self.router.hear(limit) is not None

    def stop(self) -> RouterLog:
        """End the link; what it carried. The hosts are cut off from each other."""
        self.router.tell(None)
        carried: RouterLog = self.router.result(STOP_LIMIT)
        return carried

    def close(self) -> None:
        """End all three processes; the namespaces go with them."""
        for child in (self.sender, self.receiver, self.router):
            child.end()

    def _await_birth(self) -> None:
        """Wait until all three are ready. When one can't be, the others need not be waited for; the best reason is raised."""
        failures: list[UdpmsgError] = []
        for child in (self.router, self.sender, self.receiver):
            try:
                child.result(LAST_WORDS if failures else START_LIMIT)
            except UdpmsgError as error:
                failures.append(error)
        if failures:
            raise next((failure for failure in failures if isinstance(failure, LabUnavailable)), failures[0])


def build(connections: list[Connection], parent: int, mtu: int) -> None:
    """In the router's process: the namespaces, a process for each host, and the cables. Raises LabUnavailable."""
    namespaces.enter_user_namespace()
    die_with(parent)  # new credentials have undone it
    hosts = (SENDER, RECEIVER)
    waiting = []
    processes: dict[Host, int] = {}
    for host, connection in zip(hosts, connections, strict=True):
        others = [other for other in hosts if other is not host]
        processes[host], ours = fork_host(host, others, connection, mtu)
        waiting.append(ours)
    for connection in connections:
        connection.close()
    for ours in waiting:
        try:
            ours.recv()
        except EOFError:
            raise ChildFailed("a host of the lab did not start: try again") from None
    namespaces.wire_up(processes)
    for ours in waiting:
        ours.send("wired")
        ours.close()
    namespaces.await_carrier([host.router_interface for host in hosts])


def fork_host(host: Host, others: list[Host], connection: Connection, mtu: int) -> tuple[int, Connection]:
    """A host's process, which waits for its cable; its process id, and the connection on which to say "wired"."""
    ours, theirs = Pipe()
    parent = os.getpid()
    process = os.fork()
    if process:
        theirs.close()
        return process, ours

    def prepare() -> None:
        try:
            namespaces.enter_network_namespace()
            theirs.send("apart")
            theirs.recv()
        finally:
            theirs.close()
        namespaces.configure_host(host, others, mtu)

    return live(connection, parent, prepare, [theirs.fileno()])
