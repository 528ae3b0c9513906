"""Units, ports and destinations: what users write, and what they are told when it means nothing."""

import pytest

from udpmsg.base import units
from udpmsg.base.errors import UsageError
from udpmsg.cli import options


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("20ms", 0.02),
        ("1.5s", 1.5),
        ("2min", 120),
        ("1h", 3600),
        ("250us", 250e-6),
        ("250\u00b5s", 250e-6),
        ("250\u03bcs", 250e-6),
        ("0", 0),
        (".5s", 0.5),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert units.parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "size"), [("1200", 1200), ("64KiB", 65536), ("4MiB", 4 << 20), ("1kB", 1000), ("0", 0), ("1.5KiB", 1536)]
)
def test_sizes(text: str, size: int) -> None:
    assert units.parse_size(text) == size


@pytest.mark.parametrize(("text", "rate"), [("100/s", 100), ("5000", 5000), ("60/min", 1), ("0.5/s", 0.5)])
def test_rates(text: str, rate: float) -> None:
    assert units.parse_rate(text) == pytest.approx(rate)


@pytest.mark.parametrize(("text", "rate"), [("10mbit", 10e6), ("500kbit", 500e3), ("1gbit/s", 1e9)])
def test_bit_rates(text: str, rate: float) -> None:
    assert units.parse_bit_rate(text) == pytest.approx(rate)


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), ("0.5%", 0.005), ("100%", 1), ("0%", 0)])
def test_shares(text: str, share: float) -> None:
    assert units.parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize(
    ("parser", "text"),
    [
        (units.parse_duration, "soon"),
        (units.parse_duration, "-1s"),
        (units.parse_duration, ""),
        (units.parse_duration, "1 2s"),
        (units.parse_duration, "5 parsecs"),
        (units.parse_duration, "3"),
        (units.parse_duration, "nan"),
        (units.parse_duration, "inf"),
        (units.parse_duration, "9" * 400),
        (units.parse_duration, "١s"),
        (units.parse_positive_duration, "0s"),
        (units.parse_size, "1.5"),
        (units.parse_size, "64 apples"),
        (units.parse_positive_size, "0"),
        (units.parse_rate, "0/s"),
        (units.parse_rate, "100ms"),
        (units.parse_bit_rate, "10"),
        (units.parse_share, "101%"),
        (units.parse_share, "0.05"),
        (units.parse_datagram_size, "65508"),
        (units.parse_datagram_size, "10"),
        (options.parse_port, "0"),
        (options.parse_port, "70000"),
        (options.parse_port, "65536"),
        (options.parse_port, "9" * 5000),
        (options.parse_port, "http"),
        (options.parse_port, "-1"),
        (options.parse_port, "²"),
        (units.parse_count, "0"),
        (units.parse_count, "-3"),
        (units.parse_count, "many"),
        (options.parse_ttl, "256"),
        (options.parse_ttl, "0"),
        (options.parse_ttl, "-1"),
        (options.parse_ttl, "9" * 5000),
        (units.parse_transmissions, "256"),
        (units.parse_sessions, "0"),
        (units.parse_sessions, "100001"),
    ],
)
def test_what_means_nothing_is_named_with_an_example(parser, text: str) -> None:
    with pytest.raises(UsageError) as error:
        parser(text)
    sentence = str(error.value)
    assert text in sentence or text[:20] in sentence
    assert any(word in sentence for word in ("write", "choose", "must be", "largest"))


@pytest.mark.parametrize("text", ["1", "80", "5000", "65535"])
def test_ports(text: str) -> None:
    assert options.parse_port(text) == int(text)


@pytest.mark.parametrize(
    ("text", "port", "expected"),
    [
        ("127.0.0.1", None, ("127.0.0.1", 5000)),
        ("127.0.0.1", 7, ("127.0.0.1", 7)),
        ("127.0.0.1:7", None, ("127.0.0.1", 7)),
        ("127.0.0.1:7", 7, ("127.0.0.1", 7)),
        ("localhost:7", None, ("localhost", 7)),
        ("[::1]:5001", None, ("::1", 5001)),
        ("[::1]", 7, ("::1", 7)),
        ("::1", None, ("::1", 5000)),
        ("::1", 7, ("::1", 7)),
        ("fe80::1%eth0", None, ("fe80::1%eth0", 5000)),
    ],
)
def test_destinations(text: str, port: int | None, expected: tuple[str, int]) -> None:
    assert options.parse_destination(text, port) == expected


@pytest.mark.parametrize(
    ("text", "port"),
    [("", None), (":5000", None), ("[::1", None), ("[::1]5000", None), ("[]:5000", None), ("host:", None), ("[::1]:", None),
     ("host:0", None), ("host:70000", None), ("host:http", None), ("host:7", 8)],
)  # fmt: skip
def test_destinations_that_are_none(text: str, port: int | None) -> None:
    with pytest.raises(UsageError):
        options.parse_destination(text, port)


@pytest.mark.parametrize(
    ("host", "multicast"),
    [("224.0.0.1", True), ("239.255.255.255", True), ("ff02::1", True), ("FF15::7", True), ("127.0.0.1", False),
     ("240.0.0.1", False), ("::1", False), ("fe80::1", False), ("localhost", False), ("225", False), ("ff.example", False)],
)  # fmt: skip
def test_groups_are_recognised(host: str, multicast: bool) -> None:
    assert options.is_multicast(host) is multicast
