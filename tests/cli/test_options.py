"""Units, ports and destinations: what users write, and what they are told when it means nothing."""

import pytest
import typer

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
    assert options.parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "size"), [("1200", 1200), ("64KiB", 65536), ("4MiB", 4 << 20), ("1kB", 1000), ("0", 0), ("1.5KiB", 1536)]
)
def test_sizes(text: str, size: int) -> None:
    assert options.parse_size(text) == size


@pytest.mark.parametrize(("text", "rate"), [("100/s", 100), ("5000", 5000), ("60/min", 1), ("0.5/s", 0.5)])
def test_rates(text: str, rate: float) -> None:
    assert options.parse_rate(text) == pytest.approx(rate)


@pytest.mark.parametrize(("text", "rate"), [("10mbit", 10e6), ("500kbit", 500e3), ("1gbit/s", 1e9)])
def test_bit_rates(text: str, rate: float) -> None:
    assert options.parse_bit_rate(text) == pytest.approx(rate)


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), ("0.5%", 0.005), ("100%", 1), ("0%", 0)])
def test_shares(text: str, share: float) -> None:
    assert options.parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize(
    ("parser", "text"),
    [
        (options.parse_duration, "soon"),
        (options.parse_duration, "-1s"),
        (options.parse_duration, ""),
        (options.parse_duration, "1 2s"),
        (options.parse_duration, "5 parsecs"),
        (options.parse_duration, "3"),
        (options.parse_duration, "nan"),
        (options.parse_duration, "inf"),
        (options.parse_duration, "9" * 400),
        (options.parse_duration, "١s"),
        (options.parse_positive_duration, "0s"),
        (options.parse_size, "1.5"),
        (options.parse_size, "64 apples"),
        (options.parse_positive_size, "0"),
        (options.parse_rate, "0/s"),
        (options.parse_rate, "100ms"),
        (options.parse_bit_rate, "10"),
        (options.parse_share, "101%"),
        (options.parse_share, "0.05"),
        (options.parse_datagram_size, "65508"),
        (options.parse_datagram_size, "10"),
        (options.parse_port, "0"),
        (options.parse_port, "70000"),
        (options.parse_port, "65536"),
        (options.parse_port, "9" * 5000),
        (options.parse_port, "http"),
        (options.parse_port, "-1"),
        (options.parse_port, "²"),
        (options.parse_count, "0"),
        (options.parse_count, "-3"),
        (options.parse_count, "many"),
        (options.parse_ttl, "256"),
        (options.parse_ttl, "0"),
        (options.parse_ttl, "-1"),
        (options.parse_ttl, "9" * 5000),
        (options.parse_transmissions, "256"),
        (options.parse_sessions, "0"),
        (options.parse_sessions, "100001"),
    ],
)
def test_what_means_nothing_is_named_with_an_example(parser, text: str) -> None:
    with pytest.raises(typer.BadParameter) as error:
        parser(text)
    sentence = error.value.message
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
    with pytest.raises(typer.BadParameter):
        options.parse_destination(text, port)


@pytest.mark.parametrize(
    ("host", "multicast"),
    [("224.0.0.1", True), ("239.255.255.255", True), ("ff02::1", True), ("FF15::7", True), ("127.0.0.1", False),
     ("240.0.0.1", False), ("::1", False), ("fe80::1", False), ("localhost", False), ("225", False), ("ff.example", False)],
)  # fmt: skip
def test_groups_are_recognised(host: str, multicast: bool) -> None:
    assert options.is_multicast(host) is multicast
