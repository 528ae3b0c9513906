"""The table: which figures it shows, how it is laid out, and what it says of what is not known."""

import re
from collections.abc import Iterator

import pytest

from tests.compare.runs import MILLISECOND, comparison, message, received, run
from tests.compare.samples import sample
from udpmsg.compare import story
from udpmsg.compare.choices import Choices, Mode, Workload
from udpmsg.compare.ladder_text import visible
from udpmsg.compare.reading import Reading
from udpmsg.compare.setting import setting, workload
from udpmsg.compare.trace import Comparison, Where
from udpmsg.link.faults import Link, Path
from udpmsg.link.record import Drop
from udpmsg.link.script import parse_fault
from udpmsg.show.text import lines

WAY = Path(delay=20 * MILLISECOND)


def table(reading: Reading, *, colour: bool, width: int) -> str:
    return "\n".join(told(reading, colour=colour, width=width))


def told(reading: Reading, *, colour: bool, width: int) -> Iterator[str]:
    yield from lines(story.what_was_run(reading), colour=colour, width=width)
    yield from lines(story.table(reading), colour=colour, width=width)


def plain(whole: Comparison, width: int = 100) -> str:
    return table(Reading(whole), colour=False, width=width)


def cells(whole: Comparison, group: str, label: str, width: int = 100) -> list[str]:
    """What one line of the table has in its columns."""
    here = ""
    text = plain(whole, width)
    begins = max(10, len("round trip ") * ("round trip" in text))  # where the labels do
    for line in text.splitlines():
        here = line[:begins].strip() or here
        if here == group and line[begins:].startswith(label):
            return (
                line[begins + len(label) :].split("  ")[-1:]
                if len(whole.choices.modes) == 1
                else [cell.strip() for cell in line[begins + len(label) :].split("  ") if cell.strip()]
            )
    raise AssertionError(f"no line {group} {label}")


def test_the_table_of_one_drop() -> None:
    whole = sample(count=5, link=Link(WAY, WAY, (parse_fault("drop:data:2"),)))
    assert plain(whole, 78).splitlines() == [
        "5 messages of 100 B, one every 20 ms, over 20 ms each way, scripted",
        "drop:data:2",
        "seed 1 · TCP: congestion control cubic, Nagle off",
        "                                         udp          udp+ack              tcp",
        "start     handshake                     none             none            40 ms",
        "          first delivery               20 ms            20 ms            60 ms",
        "messages  delivered                   4 of 5           5 of 5           5 of 5",
        "          lost                             1                0                0",
        "          duplicates                       0                0                0",
        "          reordered                        0                1                0",
        "          retransmissions                  0                1                1",
        "          late (> 170 ms)                  0                0                4",
        "delay     p50                          20 ms            20 ms           280 ms",
        "          p99                          20 ms           120 ms           320 ms",
        "          max                          20 ms           120 ms           320 ms",
        "          longest stall                20 ms            40 ms           280 ms",
        "frames    handshake                        0                0        3 · 214 B",
        "          data                     5 · 910 B      6 · 1.1 KiB      6 · 1.2 KiB",
        "          acknowledgments                  0        5 · 618 B        4 · 264 B",
        "          teardown                 3 · 270 B        2 · 216 B        3 · 198 B",
        "          all together           8 · 1.2 KiB     13 · 2.0 KiB     16 · 1.9 KiB",
        "payload   goodput                  32 kbit/s      28.6 kbit/s      11.8 kbit/s",
    ]


@pytest.mark.parametrize("width", [78, 80, 100, 150])
@pytest.mark.parametrize("repeat", [1, 5])
def test_no_line_is_longer_than_the_terminal_is_wide(width: int, repeat: int) -> None:
    whole = sample(count=100, seed=4, repeat=repeat, loss=0.1)
    for colour in (False, True):
        assert max(visible(line) for line in table(Reading(whole), colour=colour, width=width).splitlines()) <= width


def test_a_class_sees_the_whole_table_at_once() -> None:
    assert len(plain(sample(count=100)).splitlines()) <= 22


def test_repetitions_show_median_least_and_most_with_the_unit_once() -> None:
    whole = sample(count=100, repeat=5)
    assert cells(whole, "messages", "lost")[0] == "6 (4–11)"
    assert cells(whole, "frames", "bytes")[1] == "29.4 (27.8–30.8) KiB"
    assert cells(whole, "start", "handshake") == ["none", "none", "40 ms (40 ms–1.04 s)"]
    assert cells(whole, "start", "first delivery")[0] == "20 ms"
    assert "Medians of 5 repetitions (least–most)." in plain(whole)
    assert "seeds 1 to 5" in plain(whole)


@pytest.mark.parametrize("width", [95, 100, 120])
def test_columns_of_medians_and_spreads_never_touch(width: int) -> None:
    rows = table(Reading(sample(count=100, repeat=5)), colour=False, width=width).splitlines()
    for row in rows[rows.index(next(row for row in rows if "udp+ack" in row)) :]:
        assert not re.search(r"[a-zA-Z)]\d", row.replace("p50", "").replace("p99", "")), row


def test_a_narrow_terminal_shows_medians_alone_and_says_so() -> None:
    text = plain(sample(count=100, repeat=5), 78)
    assert "(a wider terminal shows the least and the most too)" in text
    assert "(4–11)" not in text


def test_a_very_narrow_terminal_gets_its_groups_on_lines_of_their_own() -> None:
    lines = plain(sample(count=100), 66).splitlines()
    assert "delay" in lines
    assert any(line.startswith(" longest stall") for line in lines)
    assert max(map(len, lines)) <= 66


def test_what_differs_stands_out_and_what_does_not_stays_quiet() -> None:
    whole = sample(count=5, link=Link(WAY, WAY, (parse_fault("drop:data:2"),)))
    text = table(Reading(whole), colour=True, width=100).splitlines()
    good, worse = "\x1b[32m{}\x1b[0m", "\x1b[33m{}\x1b[0m"
    delivered = next(line for line in text if "delivered" in line)
    assert worse.format("4 of 5") in delivered
    assert good.format("5 of 5") in delivered
    assert "\x1b[3" not in next(line for line in text if "duplicates" in line)
    assert worse.format("60 ms") in next(line for line in text if "first delivery" in line)
    assert "\x1b" not in table(Reading(whole), colour=False, width=100)


def test_a_difference_too_small_to_see_is_not_coloured() -> None:
    runs = [run(mode, 1, [message(1, 0)], [received(1, at)]) for mode, at in ((Mode.UDP, 20.0), (Mode.UDP_ACK, 20.4))]
    first = next(
        line for line in table(Reading(comparison(*runs)), colour=True, width=100).splitlines() if "first delivery" in line
    )
    assert "\x1b" not in first


def test_rare_counts_are_shown_only_where_there_are_any() -> None:
    made = run(Mode.UDP, 2, [message(1, 0), message(2, 20)], [received(1, 20)], kernel_drops=1)
    assert cells(comparison(made), "messages", "kernel drops")[0].strip() == "1"
    for label in ("kernel drops", "malformed", "never sent", "unconfirmed"):
        assert label not in plain(sample(count=5))


def test_a_run_where_nothing_arrived_shows_what_is_not_known_as_that() -> None:
    made = run(Mode.UDP, 2, [message(1, 0, dropped=Drop.LOSS), message(2, 20, dropped=Drop.LOSS)])
    text = plain(comparison(made))
    assert cells(comparison(made), "delay", "p99")[0].strip() == "–"
    assert "– not known, or there was nothing to measure." in text
    assert "nan" not in text.lower()


def test_behind_a_relay_tcp_is_called_unimpaired_and_its_frames_are_not_known() -> None:
    udp = run(Mode.UDP, 1, [message(1, 0)], [received(1, 20)])
    tcp = run(Mode.TCP, 1, None, [received(1, 1)])
    text = plain(comparison(udp, tcp, where=Where.RELAY))
    assert "tcp, unimpaired" in text
    assert "TCP is unimpaired, as a relay cannot drop its segments." in text.replace("\n", " ")
    assert "– not known: the relay passes TCP's bytes and does not see its segments." in text


def test_over_a_real_network_round_trips_stand_in_for_delays() -> None:
    made = run(Mode.UDP_ACK, 2, None, lost_sequences=[], kernel_drops=None)
    for row in made.sent:
        row.state, row.rtt = "delivered", 12 * MILLISECOND
    whole = comparison(made, where=Where.NETWORK)
    text = plain(whole)
    assert text.startswith("2 messages of 100 B, one every 20 ms, over a real network to 192.0.2.7:5000")
    assert cells(whole, "round trip", "p50")[0].strip() == "12 ms"
    assert "delays one way need one clock for both ends" in text
    assert "round trip" not in plain(sample(count=5))
    assert "seed" not in text


def test_a_run_that_could_not_connect_has_no_handshake_time() -> None:
    udp = run(Mode.UDP, 1, [message(1, 0)], [received(1, 20)])
    tcp = run(Mode.TCP, 1, [], error="cannot connect", connect_ns=None)
    assert cells(comparison(udp, tcp), "start", "handshake") == ["none", "–"]


def test_the_choices_that_change_a_comparison_are_said() -> None:
    whole = sample(count=2)
    whole.choices = Choices(
        nagle=True, tcp_ack=True, ordered=True, window=8, max_transmissions=3, deadline_ns=10**10, min_rto_ns=50 * MILLISECOND
    )
    assert setting(whole)[-1] == (
        "seed 1 · TCP: congestion control cubic, Nagle on, acknowledgments the kernel's and ours · "
        "udp+ack: delivered in order, a window of 8, at most 3 transmissions, a deadline of 10 s, an RTO of at least 50 ms"
    )


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        (Workload(), "100 messages of 100 B, one every 20 ms"),
        (Workload(1), "1 message of 100 B"),
        (Workload(5000, 0, 1000), "5,000 messages of 1,000 B, as fast as possible"),
    ],
)
def test_the_workload_in_words(messages: Workload, said: str) -> None:
    assert workload(messages) == said


def test_names_from_a_file_are_escaped() -> None:
    whole = sample(count=2)
    whole.tcp_congestion = "\x1b[2J"
    assert whole.link is not None
    whole.link = Link(whole.link.forward, whole.link.back, name="\u202eevil")
    text = plain(whole)
    assert "\x1b" not in text
    assert "\u202e" not in text
