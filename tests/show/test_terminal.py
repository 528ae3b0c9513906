"""Text for people: what is escaped, and how figures read."""

from collections.abc import Callable
from typing import Any

import pytest

from udpmsg.base import language
from udpmsg.show import terminal
from udpmsg.show.schema import empty_summary

BIDIRECTIONAL = [*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C]


@pytest.mark.parametrize("number", [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *BIDIRECTIONAL, 0xFEFF, 0xE0041])
def test_whatever_steers_a_terminal_is_escaped(number: int) -> None:
    shown = terminal.escape(f"a{chr(number)}b".encode())
    assert shown.isprintable()
    assert shown.startswith("a\\")
    assert shown.endswith("b")


@pytest.mark.parametrize("text", ["", "plain", "Grüße", "漢字", "العربية", "👩‍🚀", "a\u00a0b", r"C:\path", "कि"])
def test_what_people_write_is_left_alone(text: str) -> None:
    assert terminal.escape(text.encode()) == text


@pytest.mark.parametrize(
    ("payload", "shown"),
    [(b"\xff", r"\xff"), (b"a\xc3", r"a\xc3"), (b"\xed\xa0\x80", r"\xed\xa0\x80"), (b"\x1b[31m\n", r"\x1b[31m\n")],
)
def test_bytes_that_are_no_utf8(payload: bytes, shown: str) -> None:
    assert terminal.escape(payload) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (2.5e-7, "0.25 µs"),
        (250e-6, "250 µs"),
        (1.25e-3, "1.25 ms"),
        (0.2, "200 ms"),
        (3.21, "3.21 s"),
        (1234.5, "1234 s"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    assert terminal.duration(seconds) == shown


@pytest.mark.parametrize(
    ("size", "shown"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 << 20, "3.0 MiB"), (5 << 40, "5.0 TiB")]
)
def test_sizes(size: int, shown: str) -> None:
    assert terminal.byte_count(size) == shown


@pytest.mark.parametrize(
    ("rate", "shown"), [(1, "1 bit/s"), (3_400_000, "3.4 Mbit/s"), (2.5e9, "2.5 Gbit/s"), (1e12, "1e+03 Gbit/s")]
)
def test_bit_rates(rate: float, shown: str) -> None:
    assert terminal.bit_rate(rate) == shown


def test_bytes_as_rows_of_sixteen() -> None:
    rows = terminal.hex_dump(bytes(range(60, 78))).splitlines()
    assert rows[0] == "    0000  3c 3d 3e 3f 40 41 42 43  44 45 46 47 48 49 4a 4b  <=>?@ABCDEFGHIJK"
    assert rows[1].split() == ["0010", "4c", "4d", "LM"]
    assert rows[1].index("LM") == rows[0].index("<=>")
    assert terminal.hex_dump(b"") == "    (no bytes)"


def test_a_long_message_is_shortened_only_where_a_limit_is() -> None:
    assert terminal.shortened("x" * 100, 100, None) == "x" * 100
    assert terminal.shortened("x" * 100, 100, 10) == "x" * 10 + " … (100 B in all; --save keeps them)"


def test_colour_is_only_where_it_is_wanted() -> None:
    assert terminal.paint("x", "peer", False) == "x"
    assert terminal.paint("x", "peer", True) == "\x1b[36mx\x1b[0m"


def test_a_summary_in_words_names_only_what_is_there() -> None:
    summary = empty_summary("udp", "listener") | {"messages_delivered": 12, "payload_bytes": 34, "duration_s": 2.0}
    assert terminal.summary_words(summary, "udp 127.0.0.1:5000") == "12 messages received on udp 127.0.0.1:5000 · 34 B in 2 s"
    assert "2 lost · 1 reordered" in terminal.summary_words(summary | {"messages_lost": 2, "reordered": 1}, "x")
    ours = empty_summary("udp", "sender", True) | {"messages_sent": 1, "messages_delivered": 1}
    ours["rtt_s"] = {"count": 1, "p50": 0.001}
    assert terminal.summary_words(ours, "x") == "1 message to x · 1 delivered · round trip 1 ms · 0 B"


@pytest.mark.parametrize(
    ("function", "arguments", "text"),
    [
        (terminal.duration, (0.00125,), "1,25 ms"),
        (terminal.duration, (0.25,), "250 ms"),
        (terminal.byte_count, (1536,), "1,5 KiB"),
        (terminal.byte_count, (12,), "12 B"),
        (terminal.bit_rate, (3_400_000,), "3,4 Mbit/s"),
        (terminal.counted, (65_507, "byte"), "65.507 bytes"),
        (terminal.counted, (1, "message"), "1 mensagem"),
    ],
)
def test_quantities_have_the_signs_of_the_language(function: Callable[..., str], arguments: tuple[Any, ...], text: str) -> None:
    language.choose("pt-BR")
    try:
        assert function(*arguments) == text
    finally:
        language.choose(None)
