"""Names, families, groups, and the sentences that say why an address cannot be used."""

import errno
import os
import re
import socket
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.transport.conftest import Listening
from tests.transport.support import LOOPBACK, PATIENCE, Listener, collect, has_ipv6
from udpmsg import CannotConnect, CannotListen, Endpoint, Message, NameUnknown, Outcome, Receiver, Sender, UsageError
from udpmsg.sockets.endpoint import resolve
from udpmsg.sockets.listening import explained
from udpmsg.udp import local_address

NOT_OURS = "203.0.113.9"
"""An address of RFC 5737: nobody has it."""
GROUP, GROUP_IPV6 = "239.255.77.77", "ff11::7777"
needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")


def exchange(listener: Listener, sender: Sender) -> Message:
    """There and back; the message as the listener got it."""
    with sender:
        sender.send("there")
        assert next(sender.replies(PATIENCE)).payload == b"back"
    message: Message = listener.wait_for(Message)[-1]
    assert message.payload == b"there"
    return message


def back(_: Message) -> bytes:
    return b"back"


@needs_ipv6
def test_ipv6(listen: Listening, transport: str) -> None:
    listener = listen(transport, back, host="::1")
    assert str(listener.endpoint()) == f"[::1]:{listener.endpoint().port}"
    message = exchange(listener, listener.sender(acknowledged=True))
    assert message.peer.host == "::1"


@needs_ipv6
@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.0.0.2"])
def test_every_address_of_both_families(listen: Listening, transport: str, host: str) -> None:
    listener = listen(transport, back, host="::")
    message = exchange(listener, Sender(host, listener.endpoint().port, transport=transport, acknowledged=True))
    assert str(message.peer).startswith("[::1]:" if host == "::1" else "127.0.0.")


@needs_ipv6
def test_ipv6_alone_is_not_ipv4(listen: Listening) -> None:
    listener = listen("tcp", host="::1")
    with pytest.raises(CannotConnect):
        Sender("127.0.0.1", listener.endpoint().port, transport="tcp")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2"])
def test_every_ipv4_address(listen: Listening, transport: str, host: str) -> None:
    """The answer comes from the address that was written to, also where the route prefers another."""
    listener = listen(transport, back, host="0.0.0.0")
    exchange(listener, Sender(host, listener.endpoint().port, transport=transport))


@pytest.mark.skipif(sys.platform != "linux", reason="only there the local address is asked for")
def test_the_addresses_to_answer_from_are_remembered_for_so_many_peers(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_address, "PEERS_KEPT", 3)
    receiver = stack.enter_context(Receiver("0.0.0.0", 0))
    port = receiver.endpoints[0].port
    senders = [stack.enter_context(Sender("127.0.0.2", port)) for _ in range(5)]
    for sender in senders:
        sender.send("a question that is longer than its answer")
    messages = collect(receiver, Message, 5)
    inner = receiver._sockets["udp"]._local_addresses  # type: ignore[union-attr]
    assert inner is not None
    assert list(inner._known) == [message.peer for message in messages[2:]]
    receiver.reply(messages[-1], "answer")
    assert next(senders[-1].replies(PATIENCE)).payload == b"answer"


@needs_ipv6
def test_a_name_is_tried_with_each_of_its_addresses_over_tcp(monkeypatch: pytest.MonkeyPatch, listen: Listening) -> None:
    listener = listen("tcp", back, host="::1")
    found = [
        (socket.AF_INET, 1, 0, "", (LOOPBACK, listener.endpoint().port)),
        (socket.AF_INET6, 1, 0, "", ("::1", listener.endpoint().port, 0, 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **options: found)
    sender = Sender("two.example", listener.endpoint().port, transport="tcp")
    assert sender.endpoint.host == "::1"
    exchange(listener, sender)


@pytest.mark.parametrize("transport", ["udp", "tcp", "both"])
def test_a_port_in_use(stack: ExitStack, transport: str) -> None:
    first = stack.enter_context(Receiver(port=0, transport=transport))
    port = first.endpoints[0].port
    with pytest.raises(CannotListen, match=rf"cannot listen on \w+ 127.0.0.1:{port}: the port is in use; choose another.*{port}"):
        Receiver(port=port, transport=transport)


def test_both_find_a_port_that_is_free_for_both(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system chooses a port for UDP; over TCP somebody may have it."""
    taken = stack.enter_context(socket.create_server((LOOPBACK, 0))).getsockname()[1]
    offered = [taken, taken]
    bind = socket.socket.bind

    class Socket(socket.socket):
        def bind(self, address: tuple[str, int]) -> None:  # type: ignore[override]
            host, port = address
            bind(self, (host, offered.pop(0) if offered and self.type == socket.SOCK_DGRAM else port))

    monkeypatch.setattr("udpmsg.udp.receiver.socket.socket", Socket)
    receiver = stack.enter_context(Receiver(port=0, transport="both"))
    udp, tcp = receiver.endpoints
    assert udp.port == tcp.port != taken
    assert offered == []


def test_both_give_up_when_a_port_that_was_asked_for_is_taken_over_tcp(stack: ExitStack) -> None:
    taken = stack.enter_context(socket.create_server((LOOPBACK, 0))).getsockname()[1]
    with pytest.raises(CannotListen, match=f"tcp 127.0.0.1:{taken}: the port is in use"):
        Receiver(port=taken, transport="both")


def test_no_address_of_this_machine(transport: str) -> None:
    with pytest.raises(CannotListen, match=f"this machine has no address {NOT_OURS}; choose 127.0.0.1, or 0.0.0.0"):
        Receiver(NOT_OURS, 0, transport=transport)


@pytest.mark.parametrize("name", ["no-such-name.invalid", "a..b", "x" * 64])
def test_an_unknown_name(transport: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name.endswith(".invalid"):  # the others are no names at all; this one would be asked for

        def unknown(*arguments: object, **options: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
    for act, kind in (
        (lambda: Receiver(name, 0, transport=transport), CannotListen),
        (lambda: Sender(name, 5000, transport=transport), NameUnknown),
    ):
        with pytest.raises(kind, match=r"does not resolve.*check the spelling") as caught:
            act()
        assert repr(name) in str(caught.value)


@pytest.mark.parametrize("host", ["", "*", "127.0.0.1\0.example", "\0"])
def test_what_a_resolver_would_take_for_this_machine_is_no_host(transport: str, host: str) -> None:
    for act in (lambda: Receiver(host, 0, transport=transport), lambda: Sender(host, 5000, transport=transport)):
        with pytest.raises(UsageError, match=re.escape(repr(host))):
            act()


@pytest.mark.parametrize("host", ["", "*", " "])
def test_every_address_of_this_machine_has_a_name(host: str) -> None:
    with pytest.raises(UsageError, match=r"write 0\.0\.0\.0 for every IPv4 address of this machine, :: for IPv6 and IPv4"):
        Receiver(host, 0)


@pytest.mark.parametrize("group", [GROUP, pytest.param(GROUP_IPV6, marks=needs_ipv6)])
def test_a_group_is_joined_and_no_address_to_listen_on(transport: str, group: str) -> None:
    with pytest.raises(UsageError, match=f"{group} is a multicast group, .* udpmsg listen --multicast {group} "):
        Receiver(group, 0, transport=transport)


@needs_ipv6
@pytest.mark.parametrize("host", ["fe80::1", "FE80::1", "febf::7", "fe80::1%nosuch", "fe80::1%4000000000", "fd00::1%4000000000"])
def test_an_address_of_one_link_says_which(transport: str, host: str) -> None:
    address, _, zone = host.lower().partition("%")
    said = f"names the interface '{zone}', which is not here" if zone else "zone, the interface to that link, is missing"
    names = [name for _, name in socket.if_nameindex()]
    for act in (lambda: Receiver(host, 0, transport=transport), lambda: Sender(host, 5000, transport=transport)):
        with pytest.raises(UsageError) as caught:
            act()
        assert said in str(caught.value)
        assert f"choose from {str(names)[1:-1]}, as in '{address}%" in str(caught.value)


@needs_ipv6
def test_an_address_of_one_link_with_its_zone_resolves() -> None:
    index, name = socket.if_nameindex()[0]
    for zone in (name, str(index)):
        (address,) = resolve(f"fe80::1%{zone}", 5000, socket.SOCK_DGRAM)
        assert address.sockaddr[3] == index


@needs_ipv6
def test_of_a_name_the_address_without_a_zone_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {
        "both": [(socket.AF_INET6, ("fe80::1", 7, 0, 0)), (socket.AF_INET, ("192.0.2.1", 7))],
        "one": [(socket.AF_INET6, ("fe80::1", 7, 0, 0))],
    }

    def found(host: bytes, *_: object, **__: object) -> list[object]:
        return [(family, socket.SOCK_DGRAM, 17, "", sockaddr) for family, sockaddr in known[host.decode()]]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    assert [address.sockaddr for address in resolve("both", 7, socket.SOCK_DGRAM)] == [("192.0.2.1", 7)]
    with pytest.raises(UsageError, match="'fe80::1' is an address of one link"):
        resolve("one", 7, socket.SOCK_DGRAM)


@pytest.mark.parametrize("port", [-1, 65_536, 70_000])
def test_ports_that_do_not_exist(transport: str, port: int) -> None:
    for act in (lambda: Receiver(port=port, transport=transport), lambda: Sender(LOOPBACK, port, transport=transport)):
        with pytest.raises(UsageError, match=f"there is no port {port}: choose one from 1 to 65535"):
            act()


def test_nobody_can_send_to_port_0(transport: str) -> None:
    with pytest.raises(UsageError, match="there is no port 0"):
        Sender(LOOPBACK, 0, transport=transport)


def test_unknown_transports_and_senseless_combinations() -> None:
    for act, sentence in (
        (lambda: Receiver(port=0, transport="sctp"), "choose 'udp', 'tcp' or 'both'"),
        (lambda: Sender(LOOPBACK, 5000, transport="both"), "choose 'udp' or 'tcp'"),
        (lambda: Sender(LOOPBACK, 5000, transport="tcp", broadcast=True), "TCP connects two endpoints"),
        (lambda: Sender(LOOPBACK, 5000, transport="tcp", interface=LOOPBACK), "TCP connects two endpoints"),
        (lambda: Sender(LOOPBACK, 5000, ttl=256), "256 is not a time to live .*: choose from 1 to 255"),
        (lambda: Sender(LOOPBACK, 5000, ttl=0), "0 is not a time to live .*: choose from 1 to 255"),
        (lambda: Sender(LOOPBACK, 5000, ttl=1.5), "1.5 is not a time to live"),  # type: ignore[arg-type]
        (lambda: Sender(LOOPBACK, 5000, datagram_size=65_508), "65508 bytes.*65507"),
        (lambda: Sender(LOOPBACK, 5000, datagram_size=127), "127 bytes.*128"),
        (lambda: Sender(LOOPBACK, 5000, ordered=True), "ordered delivery needs acknowledgments"),
        (lambda: Sender(LOOPBACK, 5000, acknowledged=True, window=0), "a window of 0"),
        (lambda: Sender(LOOPBACK, 5000, acknowledged=True, max_transmissions=256), "choose from 1 to 255"),
        (lambda: Sender(GROUP, 5000, acknowledged=True), "many receivers"),
        (lambda: Receiver(port=0, transport="tcp", multicast=GROUP), "use UDP alone"),
        (lambda: Receiver(port=0, multicast="192.0.2.1"), "is not a multicast group"),
        (lambda: Receiver(port=0, multicast="nonsense"), "is not a multicast group"),
        (lambda: Receiver("0.0.0.0", 0, multicast=GROUP_IPV6), "not of the family"),
    ):
        with pytest.raises(UsageError, match=sentence):
            act()


def in_a_child(tmp_path: Path, prepare: object, act: object) -> str:
    """What `act` returns or raises in a forked process, after `prepare`: rights are dropped there, not here."""
    answer = tmp_path / "answer"
    answer.touch(mode=0o666)
    descriptor = os.open(answer, os.O_WRONLY)
    child = os.fork()
    if not child:
        try:
            prepare()  # type: ignore[operator]
            text = f"{act()}"  # type: ignore[operator]
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        os.write(descriptor, text.encode())
        os._exit(0)
    os.close(descriptor)
    os.waitpid(child, 0)
    return answer.read_text()


def first_unprivileged_port() -> int:
    try:
        return int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    except OSError:
        return 1024


@pytest.mark.skipif(sys.platform != "linux", reason="drops rights as Linux does")
@pytest.mark.skipif(first_unprivileged_port() <= 80, reason="this system lets everybody have every port")
def test_a_privileged_port(transport: str, tmp_path: Path) -> None:
    def drop() -> None:
        if os.geteuid() == 0:
            os.setgid(65_534)
            os.setuid(65_534)

    assert in_a_child(tmp_path, drop, lambda: Receiver(port=80, transport=transport)) == (
        f"CannotListen: cannot listen on {transport} 127.0.0.1:80: a port below 1024 needs a privilege that you do not have; "
        "choose one from 1024 to 65535, such as --port 5000"
    )


def test_the_sentences_for_what_cannot_be_bound() -> None:
    for number, port, sentence in (
        (errno.EACCES, 80, "a port below 1024 needs a privilege"),
        (errno.EPERM, 80, "a port below 1024 needs a privilege"),
        (errno.EACCES, 5000, os.strerror(errno.EACCES)),
        (errno.EADDRINUSE, 5000, "the port is in use"),
        (errno.ENOBUFS, 5000, os.strerror(errno.ENOBUFS)),
    ):
        told = str(explained(OSError(number, os.strerror(number)), Endpoint("udp", "::1", port)))
        assert told.startswith(f"cannot listen on udp [::1]:{port}: ")
        assert sentence in told


def test_broadcast(listen: Listening) -> None:
    """127.255.255.255 is the broadcast address of the loopback network; it does not leave this machine."""
    listener = listen("udp", back, host="0.0.0.0")
    with pytest.raises(UsageError, match=r"127\.255\.255\.255 is a broadcast address: add --broadcast"):
        Sender("127.255.255.255", listener.endpoint().port)
    with pytest.raises(UsageError, match="many receivers"):
        Sender("127.255.255.255", listener.endpoint().port, broadcast=True, acknowledged=True)
    sender = Sender("127.255.255.255", listener.endpoint().port, broadcast=True)
    assert sender.one_to_many
    exchange(listener, sender)


@needs_ipv6
def test_ipv6_has_no_broadcast() -> None:
    with pytest.raises(UsageError, match="IPv6 has no broadcast"):
        Sender("::1", 5000, broadcast=True)


def test_multicast_reaches_every_listener(stack: ExitStack) -> None:
    first = stack.enter_context(Receiver(port=0, multicast=GROUP, interface=LOOPBACK))
    port = first.endpoints[0].port
    second = stack.enter_context(Receiver(port=port, multicast=GROUP, interface=LOOPBACK))
    sender = stack.enter_context(Sender(GROUP, port, interface=LOOPBACK, ttl=1))
    assert sender.one_to_many
    sender.send("to all of you who listen")
    messages = [collect(receiver, Message)[0] for receiver in (first, second)]
    assert [message.payload for message in messages] == [b"to all of you who listen"] * 2
    first.reply(messages[0], "one")
    second.reply(messages[1], "two")
    replies = sender.replies(PATIENCE)
    assert {next(replies).payload, next(replies).payload} == {b"one", b"two"}


@needs_ipv6
@pytest.mark.parametrize("interface", [name for _, name in socket.if_nameindex() if name in ("lo", "lo0")])
def test_multicast_over_ipv6(stack: ExitStack, interface: str) -> None:
    """Linux gives its loopback no route for IPv6 groups: there the sender must say so. Everywhere else the message comes."""
    receiver = stack.enter_context(Receiver(port=0, multicast=GROUP_IPV6, interface=interface))
    sender = stack.enter_context(Sender(GROUP_IPV6, receiver.endpoints[0].port, interface=interface, ttl=1))
    assert sender.one_to_many
    sender.send("to all of you who listen")
    refused = [event.reason for event in sender.poll(0) if isinstance(event, Outcome)]
    if refused:
        assert refused == ["not sent (ENETUNREACH)"]
        assert sender.statistics().messages_sent == 0
    else:
        (message,) = collect(receiver, Message)
        assert message.payload == b"to all"


@pytest.mark.parametrize("interface", [NOT_OURS, "nonsense"])
def test_an_interface_that_is_not_here(interface: str) -> None:
    with pytest.raises((CannotListen, UsageError), match=interface):
        Receiver(port=0, multicast=GROUP, interface=interface)
    with pytest.raises(UsageError, match=interface):
        Sender(GROUP, 5000, interface=interface)


@needs_ipv6
def test_an_ipv6_interface_that_is_not_here() -> None:
    with pytest.raises(UsageError, match="there is no interface 'nonsense' here: choose one of"):
        Receiver(port=0, multicast=GROUP_IPV6, interface="nonsense")
    with pytest.raises(UsageError, match="there is no interface 'nonsense' here: choose one of"):
        Sender(GROUP_IPV6, 5000, interface="nonsense")


def test_a_time_to_live(listen: Listening, transport: str) -> None:
    listener = listen(transport, back)
    exchange(listener, listener.sender(ttl=7))
    if has_ipv6():
        listener = listen(transport, back, host="::1")
        exchange(listener, listener.sender(ttl=7))
