"""The lesson `restart`."""

from tests.lessons.support import Broken, assert_breaks


def test_a_server_that_stays_or_a_client_that_ends_first_makes_it_fail() -> None:
    goes_on = {"udp-binds-at-once", "udp-goes-on", "tcp-connection-ends", "tcp-needs-a-new-connection"}
    assert_breaks(
        "restart",
        [
            Broken({"restarted": False}, goes_on | {"time-wait-holds-the-port", "reuse-gets-the-port"}, "linux"),
            Broken({"restarted": False}, goes_on | {"port-is-free"}, "win32"),
            Broken({"client_ends_first": True}, {"time-wait-holds-the-port"}, "linux"),
        ],
    )
