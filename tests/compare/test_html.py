"""The page as text: what is in it, what foreign text can do in it, and that it asks nobody for anything."""

import json
import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.compare.samples import MILLISECOND, sample
from udpmsg.compare.choices import Mode
from udpmsg.compare.ladder import Arrow
from udpmsg.compare.ladder_text import neighbours
from udpmsg.compare.ledger import Ending, LedgerRow
from udpmsg.compare.page import whole
from udpmsg.compare.page.columns import columns
from udpmsg.compare.page.excerpts import Excerpt
from udpmsg.compare.page.labels import label, wording
from udpmsg.compare.page.svg import MOST_ARROWS, draw, numbered
from udpmsg.compare.reading import Reading
from udpmsg.compare.trace import Comparison, Where
from udpmsg.link.faults import Action, Link, Path, Scripted
from udpmsg.link.record import Direction, Drop, FrameKind, FrameRecord, Identity, Phase
from udpmsg.show import markup
from udpmsg.show.figure import spread

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'<!-- ]]> \u202e\x1b[31m{{data}} &amp;"


def page(comparison: Comparison) -> str:
    return whole.page(Reading(comparison))


class Page(HTMLParser):
    """The elements of a page, its scripts, and its text outside of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: list[tuple[str, dict[str, str | None], str]] = []
        self.text = ""
        self._inside: tuple[str, dict[str, str | None]] | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = (tag, dict(attrs)) if tag in ("script", "style") else None

    def handle_endtag(self, tag: str) -> None:
        self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.raw.append((*self._inside, data))
        else:
            self.text += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)

    def data(self) -> Any:
        """What is embedded for the scripts."""
        return next(json.loads(text) for tag, attributes, text in self.raw if attributes.get("type") == "application/json")


def values(text: str) -> dict[tuple[str, str], float]:
    """Each number of the table by mode and key."""
    cells = re.findall(r'<td data-mode="([^"]+)">(.*?)</td>', text)
    found = [(mode, *pair) for mode, cell in cells for pair in re.findall(r'<data[^>]*data-key="([^"]+)" value="([^"]+)">', cell)]
    return {(mode, key): json.loads(value) for mode, key, value in found}


def hostile(comparison: Comparison) -> Comparison:
    """Everything that comes from outside is an attack."""
    for run in comparison.runs:
        run.error = HOSTILE
        run.not_sent = {3: HOSTILE}
        run.sent[2].sent_at, run.sent[2].state, run.sent[2].reason = None, "refused", HOSTILE
        run.received = [one for one in run.received if one.sequence != 3]
        for frame in run.frames or ():
            frame.label, frame.script = HOSTILE, HOSTILE
    link = replace(comparison.link or Link(), name=HOSTILE)
    return replace(
        comparison,
        link=link,
        target=HOSTILE,
        command=HOSTILE,
        system=HOSTILE,
        version=HOSTILE,
        started=HOSTILE,
        tcp_congestion=HOSTILE,
    )


def test_the_table_has_the_figures_of_every_mode() -> None:
    comparison = sample()
    shown = values(page(comparison))
    for one in Reading(comparison).runs:
        run, expected = one.run, one.figures
        for key in (
            "messages_delivered",
            "messages_lost",
            "retransmissions",
            "one_way_delay_s.p99",
            "longest_stall_s",
            "wire.data_bytes",
        ):
            known = spread([expected], key)
            assert known is not None
            assert shown[run.mode.value, key] == known[0], key
    assert ("tcp", "connect_s") in shown
    assert ("udp", "connect_s") not in shown, "where there is no handshake, it does not take 0 s"


def test_over_repetitions_the_table_has_medians_and_their_spread() -> None:
    comparison = sample(repeat=5)
    text = page(comparison)
    several = [one.figures for one in Reading(comparison).by_mode[Mode.UDP]]
    middle, least, most = spread(several, "messages_lost") or (0, 0, 0)
    assert values(text)["udp", "messages_lost"] == middle
    assert least < most
    assert f'data-least="{least}" data-most="{most}">({least} – {most})</small>' in text
    assert "Medians of 5 repetitions" in text
    assert [run["repetition"] for run in Page(text).data()["runs"]] == [number for number in range(1, 6) for _ in Mode]


def test_the_page_says_what_was_run_and_how_to_run_it_again() -> None:
    comparison = sample()
    shown = Page(page(comparison)).text
    for part in (
        comparison.command,
        "20 ms each way, 5 % loss",
        "one every 20 ms",
        "cubic",
        "Nagle off",
        comparison.system,
        comparison.started,
    ):
        assert part is not None
        assert part in shown


def test_the_same_comparison_gives_the_same_page() -> None:
    assert page(sample(repeat=2)) == page(sample(repeat=2))


def test_the_page_names_no_address_to_fetch_from() -> None:
    text = page(sample())
    addresses = set(re.findall(r"https?://[^\s\"'<>)]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg", "https://github.com/leeoniya/uPlot"}, (
        "a namespace, and the library's own comment"
    )
    for tag, attributes in Page(text).elements:
        assert "src" not in attributes, tag
        assert (attributes.get("href") or "data:").startswith(("data:", "#mark-")), tag
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
    assert "Permission is hereby granted" in text, "uPlot's licence goes where uPlot goes"


def test_the_policy_allows_these_scripts_and_styles_and_nothing_else() -> None:
    parsed = Page(page(sample()))
    policy = next(
        attributes["content"] for tag, attributes in parsed.elements if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag, attributes, text in parsed.raw:
        if "type" not in attributes:
            assert (
                f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
                in policy.partition(f"{tag}-src")[2].partition(";")[0]
            )


def test_foreign_text_stays_text() -> None:
    harmless, attacked = Page(page(sample())), page(hostile(sample()))
    parsed = Page(attacked)
    for tag in ("script", "style", "img"):
        assert parsed.count(tag) == harmless.count(tag), tag
    assert "</script><script>alert(1)</script><img src=x onerror=alert(1)>" in parsed.text, "it is shown as it was written"
    assert not {"\u202e", "\x1b"} & set(attacked), "and turns no line and no colour"
    assert parsed.data()["runs"][0]["not_delivered"][0][3].startswith("</script>")
    assert parsed.text.count("{{data}}") > 5, "what is filled in is not a template"


def test_the_ladders_show_handshake_losses_retransmissions_and_what_was_held_back() -> None:
    path = Path(delay=20 * MILLISECOND)
    script = (
        Scripted(Action.DROP, FrameKind.DATA, 4, text="drop:data:4"),
        Scripted(Action.DUPLICATE, FrameKind.DATA, 7, text="duplicate:data:7"),
    )
    text = page(sample(count=20, link=Link(path, path, script)))
    first = text.partition('<figure class="ladder"')[2].partition("</figure>")[0]
    assert first.count('class="cross"') == 3, "message 4, once in each mode"
    assert "message 4 – dropped" in first
    assert "fault drop:data:4" in first, "which fault hit it"
    assert re.search(r'class="frame handshake"><title>SYN, ', first)
    assert len(re.findall(r'class="frame data again"><title>message 4, [^<]*transmission 2', first)) == 2, (
        "nobody sends again over UDP"
    )
    assert re.search(r"message 5: arrived at 100.000 ms, held back behind message 4 for \d", first)
    assert first.count("came again, suppressed") == 2, "TCP's kernel tells nobody"
    for mode in ("udp", "udp-ack", "tcp"):
        assert re.search(rf'role="img" aria-labelledby="ladder1-{mode}">\s*<title id="ladder1-{mode}">The beginning: \w+', first)


def test_the_longest_wait_is_that_of_the_mode_that_waited_longest() -> None:
    """Before its first delivery too: TCP waited for its second SYN."""
    path = Path(delay=20 * MILLISECOND)
    script = Scripted(Action.DROP, FrameKind.CONTROL, 1), Scripted(Action.DROP, FrameKind.DATA, 5)
    comparison = sample(count=10, link=Link(path, path, script))
    stalls = {one.run.mode: one.figures["longest_stall_s"] for one in Reading(comparison).runs}
    assert max(stalls, key=stalls.__getitem__) is Mode.TCP
    assert "The longest wait: TCP" in page(comparison)


def test_a_crowded_ladder_leaves_frames_out_and_says_so() -> None:
    text = page(sample(count=2000, interval=MILLISECOND // 4, loss=0.02))
    ladders = re.findall(r'<figure class="ladder".*?</figure>', text, re.DOTALL)
    assert ladders
    for ladder in ladders:
        assert ladder.count('<g class="frame ') <= 3 * MOST_ARROWS
    assert re.search(r"[\d,]+ more in this time are left out", ladders[0])
    assert len(text) < 800_000


def test_without_a_record_of_frames_there_is_no_ladder_but_a_reason() -> None:
    comparison = replace(sample(), where=Where.NETWORK, link=None, seed=None, target="192.0.2.1:5000")
    for run in comparison.runs:
        run.frames, run.received, run.lost_sequences = None, [], []
    text = page(comparison)
    assert "Nobody saw the frames here" in text
    assert '<figure class="ladder"' not in text
    assert "192.0.2.1:5000" in text
    assert not [key for key in values(text) if key[1].startswith(("wire.", "one_way"))], "what is not known is no number"
    runs = {run["mode"]: run for run in Page(text).data()["runs"]}
    assert runs["udp"]["delay"] is None
    assert len(runs["udp+ack"]["round_trip"]) == 100, "the sender's round trips take the delays' place"


def test_over_the_relay_every_mention_of_tcp_says_that_it_is_unimpaired() -> None:
    text = page(replace(sample(), where=Where.RELAY))
    assert "TCP, unimpaired" in text
    assert Page(text).data()["names"]["tcp"] == "TCP, unimpaired"


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("loss", [0.0, 1.0])
def test_little_or_nothing_makes_a_page_too(count: int, loss: float) -> None:
    comparison = sample(count=count, loss=loss, modes=(Mode.UDP,))
    assert Page(page(comparison)).data()["runs"][0]["count"] == count


def test_a_comparison_that_was_stopped_before_its_first_run_makes_a_page_too() -> None:
    parsed = Page(page(replace(sample(count=1), runs=[])))
    assert parsed.data()["runs"] == []
    assert "Nobody saw the frames here" in parsed.text


def test_columns_leave_out_what_is_the_rule() -> None:
    comparison = sample(count=4, loss=0)
    due = comparison.workload.interval_ns
    ledger = [LedgerRow(n, (n - 1) * due, (n - 1) * due, 1, n * due, due, Ending.DELIVERED) for n in (1, 2, 3, 4)]
    assert columns(comparison, comparison.runs[0], ledger) == {
        "mode": "udp",
        "repetition": 1,
        "count": 4,
        "sequence": None,
        "due": None,
        "sent": 0,
        "delay": 20_000,
        "round_trip": None,
        "known": None,
        "transmissions": [],
        "duplicates": [],
        "reordered": [],
        "late": [],
        "not_delivered": [],
    }
    ledger[1] = replace(ledger[1], outcome=Ending.LOST, delivered_at=None, delay=None)
    ledger[2].transmissions, ledger[2].late, ledger[3].late = 2, True, True
    changed = columns(comparison, comparison.runs[0], ledger)
    assert changed["delay"] == [20_000, None, 20_000, 20_000]
    assert changed["not_delivered"] == [[1, "lost", None, None]]
    assert changed["transmissions"] == [[2, 2]]
    assert changed["late"] == [[2, 3]]


def test_series_of_numbers_are_written_as_ranges() -> None:
    assert neighbours([1, 2, 3, 7, 9, 10]) == [[1, 3], [7, 7], [9, 10]]
    assert numbered([9, 4, 5, 6]) == "4–6, 9"


def test_embedded_data_can_end_no_element_and_stays_the_same_data() -> None:
    text = markup.embedded(HOSTILE)
    assert not set("<>&") & set(text)
    assert json.loads(text) == HOSTILE


def test_a_page_of_one_mode_compares_it_with_nothing() -> None:
    told = Page(page(sample(count=3, modes=(Mode.UDP,)))).text
    assert "UDP over a link" in told
    assert "3 messages, sent by UDP." in told
    assert "same" not in told.partition("What happened")[0]


def test_the_page_says_where_the_logs_disagree() -> None:
    comparison = sample(count=5, loss=0.0, repeat=2, modes=(Mode.UDP,))
    assert "The logs disagree" not in Page(page(comparison)).text
    second = comparison.runs[1]
    second.frames = [frame for frame in second.frames or () if frame.first_sequence != 2]
    told = Page(page(comparison)).text
    assert "UDP, repetition 2" in told
    assert "The logs disagree, so these figures are in doubt: message 2 was delivered" in told


def arrow(sequence: int, dropped: Drop | None = None, *, transmission: int = 1) -> Arrow:
    words = f"message {sequence}"
    identity = Identity(Direction.FORWARD, FrameKind.DATA, sequence, transmission)
    frame = FrameRecord(1, identity, Phase.DATA, "udp", words, 100, 0, sequence, sequence, dropped)
    return Arrow(frame, 20)


def test_of_a_label_for_several_only_what_was_lost_looks_lost() -> None:
    together = [arrow(1), arrow(2), arrow(3, Drop.LOSS), arrow(4)]
    assert wording(together, 0.1) == [("1–2, 4; ", False), ("3 – lost", True)]
    picture = label(together, 0.1, float).picture
    assert '>1–2, 4; <tspan class="lost">3 – lost</tspan></text>' in picture


def test_a_label_is_cut_where_there_is_no_room_and_keeps_what_became_of_it() -> None:
    many = [arrow(one, transmission=1 + one % 2) for one in (10111, 10222, 10333, 10444)] + [
        arrow(20111, Drop.LOSS),
        arrow(20333, Drop.LOSS, transmission=2),
    ]
    (sent, _), (lost, _) = wording(many, 0.1)
    assert "…; " in sent
    assert lost.endswith(" – lost")
    (more, _), _ = wording(many, 1.0)
    assert len(more) > len(sent), "a steep arrow is longer"


def test_the_picture_is_as_high_as_its_lowest_label_is_low() -> None:
    far = Path(delay=100 * MILLISECOND)
    comparison = sample(count=60, interval=4 * MILLISECOND, loss=0, modes=(Mode.UDP,), link=Link(far, far))
    excerpt = Excerpt("", 0, 50 * MILLISECOND)
    picture, _shown, _left_out = draw(excerpt, comparison.runs, {Mode.UDP: "UDP"}, 4 * MILLISECOND, 1)
    assert "messages" in picture
    assert float(re.search(r'viewBox="0 0 \d+ (\d+)"', picture)[1]) > 340 + 70 + 100
