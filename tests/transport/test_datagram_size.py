"""The size of datagrams over real sockets: what the system takes, what it refuses, and what is asked for."""

import errno
import socket
import sys

import pytest

from udpmsg import Receiver, Sender
from udpmsg.udp import path

MESSAGES = [bytes([number]) * 4000 for number in range(60)]


def delivered(host: str, **options: object) -> int | None:
    """Send to a listener there, thirty messages first and then as many; the size of datagrams at the end."""
    with Receiver(host=host, port=0) as receiver:
        port = receiver.endpoints[0].port
        with Sender(host, port, acknowledged=True, **options) as sender:  # type: ignore[arg-type]
            came: list[bytes] = []
            for half in (MESSAGES[:30], MESSAGES[30:]):
                sender.send_many(half)
                while sender.unresolved:
                    came += [event.payload for event in receiver.poll(0.001) if hasattr(event, "payload")]
                    sender.poll(0.001)
            came += [event.payload for event in receiver.poll(0) if hasattr(event, "payload")]
            assert sorted(came) == MESSAGES
            return sender.statistics().datagram_size


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a datagram size is kept")
@pytest.mark.parametrize(("host", "most"), [("127.0.0.1", 65_507), ("::1", 65_488)])
def test_loopback_takes_what_its_interface_takes(host: str, most: int) -> None:
    if host == "::1" and not ipv6():
        pytest.skip("no IPv6 here")
    assert delivered(host) == most


def test_where_the_system_does_not_know_the_option_the_size_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(opened: socket.socket, whole: bool) -> None:
        raise OSError(errno.ENOPROTOOPT, "Protocol not available")

    monkeypatch.setattr(path, "keep_whole", unknown)
    path.can_keep_whole.cache_clear()
    try:
        assert delivered("127.0.0.1") == 1200
    finally:
        path.can_keep_whole.cache_clear()


def test_a_size_that_is_given_is_kept() -> None:
    assert delivered("127.0.0.1", datagram_size=700) == 700


def test_without_acknowledgments_nothing_is_found_out_and_over_tcp_there_is_no_datagram() -> None:
    with Receiver(port=0, transport="both") as receiver:
        port = receiver.endpoints[0].port
        with Sender("127.0.0.1", port) as sender:
            sender.send_many(MESSAGES)
            assert sender.statistics().datagram_size == 1200
        with Sender("127.0.0.1", port, transport="tcp", acknowledged=True) as sender:
            assert sender.statistics().datagram_size is None


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a datagram size is kept")
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_what_may_not_be_cut_up_and_is_too_large_is_refused(family: socket.AddressFamily) -> None:
    if family == socket.AF_INET6 and not ipv6():
        pytest.skip("no IPv6 here")
    with socket.socket(family, socket.SOCK_DGRAM) as opened:
        assert path.largest(opened) is None, "it has no peer"
        opened.connect(("::1" if family == socket.AF_INET6 else "127.0.0.1", 9))
        most = path.largest(opened)
        assert most is not None
        path.keep_whole(opened, True)
        with pytest.raises(OSError, match=r"\[Errno") as error:
            opened.send(bytes(min(most + 1, 65_508)))
        assert error.value.errno == errno.EMSGSIZE


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a datagram size is kept")
@pytest.mark.parametrize(("host", "headers"), [("::ffff:127.0.0.1", 28), ("::1", 48)])
def test_what_leaves_as_ipv4_has_the_headers_of_ipv4(host: str, headers: int) -> None:
    if not ipv6():
        pytest.skip("no IPv6 here")
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as opened:
        opened.connect((host, 9))
        assert path.largest(opened) == opened.getsockopt(socket.IPPROTO_IPV6, path.IPV6_MTU) - headers


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a datagram size is kept")
def test_what_leaves_as_ipv4_from_a_socket_of_ipv6_is_not_cut_up_either() -> None:
    """::ffff:127.0.0.1 is IPv4, which has an option of its own: without it any probe passes, in pieces."""
    if not ipv6():
        pytest.skip("no IPv6 here")
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as opened:
        for whole, choice in ((True, path.PROBE), (False, path.DONT)):
            path.keep_whole(opened, whole)
            assert opened.getsockopt(socket.IPPROTO_IP, path.IP_MTU_DISCOVER) == choice
            assert opened.getsockopt(socket.IPPROTO_IPV6, path.IPV6_MTU_DISCOVER) == choice


def ipv6() -> bool:
    """Whether this machine has IPv6's loopback."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
