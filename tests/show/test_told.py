"""Everything that a comparison says to people is told in their language, and fits; what programs read is the same in all."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path

import pytest

from tests import marked
from tests.bench import bench_samples
from tests.compare.runs import MILLISECOND, answer, comparison, message, received, run
from tests.compare.samples import sample
from udpmsg.base import language
from udpmsg.base.errors import Phrase
from udpmsg.bench import jsonlines as bench_lines
from udpmsg.bench import page as bench_page
from udpmsg.bench import printed as bench_table
from udpmsg.cli.showing import _human_lines
from udpmsg.compare import jsonlines as comparison_lines
from udpmsg.compare import ladder_text as ladder_lines
from udpmsg.compare import ledger_text as ledger
from udpmsg.compare import reasons, saved, scenario, sentences, story
from udpmsg.compare.choices import Choices, Mode
from udpmsg.compare.ledger import Cause, Ending, rows
from udpmsg.compare.page import whole as html
from udpmsg.compare.reading import Reading
from udpmsg.compare.reasons import phrased
from udpmsg.compare.setting import setting
from udpmsg.compare.trace import Comparison, Where
from udpmsg.core.events import Hint, Unreachable
from udpmsg.link.faults import Link
from udpmsg.link.fields import changed, read_both
from udpmsg.link.presets import PRESETS, preset
from udpmsg.link.record import Drop, FrameRecord
from udpmsg.link.script import parse_fault
from udpmsg.show.relaying import trouble_words
from udpmsg.show.stream import Data, Words
from udpmsg.show.telling import label
from udpmsg.show.text import lines as pictured
from udpmsg.sockets.endpoint import Endpoint

PORTUGUESE = "pt-BR"
OURS = re.compile(
    r"""\b(?:
        (?:drop|duplicate|delay|corrupt):\w+:\S+           # faults, as they are written
      | udp\+ack | \d+ack | ack | p\d+(?:[.,]\d+)? | B | M | k | msg/s
      | sudo[ ]sysctl[ ]-w[ ]\S+ | ACK[ ]of[ ]goodbye                                # a label of the simulation alone
      | classroom | lossy | cubic | 2026-\S+ | Linux[ ].*?Python[ ][\d.]+ | Linux | Wireshark
    )\b | UDP\+ack | p99[.,]\d+""",
    re.VERBOSE,
)
"""What is the same in every language, of a comparison: modes, named links, and where it was run."""


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Every test begins and ends in English."""
    language.choose("en")
    yield
    language.choose(None)


def lossy() -> Link:
    """Every fault that there is."""
    faults = tuple(map(parse_fault, ("drop:data:4", "duplicate:data:7", "delay:data:9:80ms", "corrupt:data:11")))
    values = {"jitter": "5ms/0ms", "burst": "1%:25%:90%:1%/none", "rate": "10mbit/none", "queue": "2/none", "mtu": "1400/none"}
    values |= {"delay": "50ms,60ms@1s", "rate": "10mbit,5mbit@2s/none", "police": "20mbit:64KiB/none"}
    link = changed(preset("lossy"), [read_both(name, text) for name, text in values.items()])
    return Link(link.forward, link.back, faults, name="lossy")


def refusal(sequence: int, at: float) -> FrameRecord:
    """What ICMP says of a message."""
    frame = answer(f"ICMP port unreachable (message {sequence})", at)
    frame.transport, frame.first_sequence, frame.last_sequence = "icmp", sequence, sequence
    return frame


def unconfirmed() -> Comparison:
    """What became of messages in every other way, and why."""
    frames = [
        message(1, 0),
        message(2, 20, dropped=Drop.QUEUE_FULL),
        message(3, 40, corrupted=True),
        message(4, 60, dropped=Drop.MTU),
        message(5, 80),
        refusal(5, 101),
        message(6, 100, dropped=Drop.BURST),
        message(7, 120, dropped=Drop.MALFORMED, transmission=3),
        message(8, 140, copies=2),
        message(9, 160, reordered=True, arrives=400.0),
        message(12, 220, dropped=Drop.POLICED),
    ]
    arrivals = [received(1, 21), received(8, 161), received(8, 162, duplicate=True), received(9, 402)]
    udp = run(Mode.UDP_ACK, 12, frames, arrivals, kernel_drops=1, over_limit=2, malformed=3)
    udp.retransmissions = 2
    for row, state in zip(udp.sent, ("unconfirmed", "unconfirmed"), strict=False):
        row.state, row.reason = state, Phrase("no acknowledgment after {} transmissions", 8)
    udp.sent[9].sent_at = udp.sent[10].sent_at = None
    udp.not_sent = {10: Phrase("not sent ({})", "EMSGSIZE")}
    udp.error = Phrase(reasons.INTERRUPTED)
    stranger = run(Mode.UDP, 2, [message(1, 0), message(2, 20)], [received(1, 1), received(2, 45), received(7, 50)])
    early = run(Mode.TCP, 3, [message(1, 0), message(2, 20, dropped=Drop.LOSS)], [received(1, 21)])
    early.error = Phrase(reasons.CONNECTION_ENDED, Phrase("end of stream"))
    return comparison(stranger, udp, early)


def relayed() -> Comparison:
    """Through a relay."""
    tcp = run(Mode.TCP, 1, None, [received(1, 1)])
    return comparison(run(Mode.UDP, 1, [message(1, 0)], [received(1, 20)]), tcp, where=Where.RELAY)


def elsewhere() -> Comparison:
    """Over a real network: what was answered, what was not, and what could not be asked."""
    known = run(Mode.UDP_ACK, 2, None, lost_sequences=[], kernel_drops=None)
    for row in known.sent:
        row.state, row.rtt = "delivered", 12 * MILLISECOND
    unknown = run(Mode.UDP, 2, None, kernel_drops=None)
    unknown.error = Phrase(reasons.NOBODY_SAID, "192.0.2.7", "UDP", 5000, 5000)
    nobody = run(Mode.TCP, 2, None, connect_ns=None, kernel_drops=None)
    nobody.error = Phrase(
        "cannot connect over TCP ({}): start a listener there first (udpmsg listen --tcp), or check host and port",
        Phrase("{} did not answer within {:g} s", "192.0.2.7:5000", 5.0),
    )
    for row in nobody.sent:
        row.sent_at = None
    return comparison(unknown, known, nobody, where=Where.NETWORK)


def changed_in_everything() -> Comparison:
    """All choices other than the usual ones, several repetitions."""
    choices = Choices(
        repeat=2, nagle=True, tcp_ack=True, ordered=True, window=8, max_transmissions=3, deadline_ns=10**10,
        min_rto_ns=1_500_000, datagram_size=512, late_ns=1_500_000,
    )  # fmt: skip
    return sample(count=60, seed=4, link=lossy(), choices=choices)


COMPARISONS = {
    "usual": lambda: sample(count=60, seed=3, loss=0.1),
    "one": lambda: sample(count=1, modes=(Mode.UDP,), link=preset("none")),
    "fast": lambda: sample(count=30, interval=0, loss=0.1, choices=Choices(modes=(Mode.UDP, Mode.TCP))),
    "changed": changed_in_everything,
    "unconfirmed": unconfirmed,
    "relayed": relayed,
    "elsewhere": elsewhere,
    "nothing": lambda: comparison(run(Mode.UDP, 0, []), run(Mode.TCP, 0, [])),
}


@pytest.fixture(params=COMPARISONS)
def whole(request: pytest.FixtureRequest) -> Comparison:
    """Each of them, in turn."""
    made: Comparison = COMPARISONS[request.param]()
    return made


def assert_told(text: str) -> None:
    """Everything in it is translated, but for what is the same in all languages; and there is something."""
    assert marked.unmarked(OURS.sub(" ", text)) == []
    assert re.search("[а-яА-Я]", text), text


# A terminal -------------------------------------------------------------------------------------------------------------


def test_the_table_the_ledger_and_the_sentences_are_told(whole: Comparison) -> None:
    marked.speak()
    assert_told("\n".join(pictured(story.table(Reading(whole)), colour=False, width=100)))
    assert_told("\n".join(ledger.lines(Reading(whole), colour=False)))
    words = Words(None)
    assert_told("\n".join(_human_lines(Reading(whole), True, True, Data(None, words))))


def test_the_ladders_are_told(whole: Comparison) -> None:
    marked.speak()
    for made in whole.runs:
        assert_told("\n".join(ladder_lines.beside([made], width=160, colour=False)))


def test_all_outcomes_and_causes_are_in_these_tests() -> None:
    found = [row for make in COMPARISONS.values() for made in make().runs for row in rows(made, make().late_ns)]
    assert {row.outcome for row in found} == set(Ending)
    assert {row.cause for row in found} >= set(Cause) - {Cause.KERNEL_DROP, Cause.ACKNOWLEDGMENT_LOST}


@pytest.mark.parametrize("names", [Cause, [drop.value for drop in Drop]])
def test_every_cause_is_told(names: list[str]) -> None:
    marked.speak()
    for name in names:
        assert_told(language.told(str(name)))


def test_disagreements_are_told() -> None:
    whole = unconfirmed()
    found = [text for one in Reading(whole).runs for text in sentences.disagreements(one)]
    assert found
    marked.speak()
    for one in Reading(whole).runs:
        for text in sentences.disagreements(one):
            assert_told(text)


LABELS = [
    "message 4", "messages 4–6", "messages 4–6, FIN", "message 4, part 2", "messages 4–6, part 2", "segment 3", "datagram 2",
    "acknowledgment", "goodbye", "probe", "probe reply", "challenge", "cookie", "query", "report", "goodbye, FIN", "other",
    "not understood", "IP fragment", "IP fragment of message 4, part 2", "IP protocol 47", "ICMP port unreachable (message 4)",
    "ICMP host unreachable (goodbye)", "ICMP communication unreachable", "ICMP too large", "ICMP time exceeded",
    "ICMP echo", "ICMP echo reply", "ICMP type 13",
]  # fmt: skip


@pytest.mark.parametrize("text", LABELS)
def test_what_a_frame_carries_is_told(text: str) -> None:
    assert label(text) == text
    marked.speak()
    assert_told(label(text))


@pytest.mark.parametrize("text", ["SYN", "SYN-ACK", "ACK", "RST", "ARP", "IPv6", "", "a label of a newer version"])
def test_what_is_no_label_of_ours_stays_as_it_is(text: str) -> None:
    language.choose(PORTUGUESE)
    assert label(text) == text


# What a record says -----------------------------------------------------------------------------------------------------

RECORDED = [
    Phrase(reasons.ROUTER_TOO_SLOW, 7),
    Phrase(reasons.CONNECTION_ENDED, Phrase("{} does not speak udpmsg: {}", "127.0.0.1:9", Phrase("no magic number"))),
    Phrase(reasons.FORGOTTEN, "192.0.2.7 port 5000", 12, 3),
    Phrase(
        "the name {!r} does not resolve ({}): check the spelling, or give the address itself, such as 127.0.0.1",
        "it's 'here'",
        "Name or service not known",
    ),
    Phrase(
        "cannot connect over TCP ({}): start a listener there first (udpmsg listen --tcp), or check host and port",
        Phrase("{}; {}", Phrase("{} did not answer within {:g} s", "[::1]:9", 5.0), Phrase("{}: {}", "127.0.0.1:9", "refused")),
    ),
    Phrase("no acknowledgment within {} s", "0.5"),
    Phrase("not sent ({})", "EMSGSIZE"),
]


@pytest.mark.parametrize("text", RECORDED)
def test_a_text_from_a_file_is_the_phrase_that_it_was(text: Phrase) -> None:
    again = phrased(str(text))
    assert again == text
    assert isinstance(again, Phrase)
    assert again.sentence == text.sentence
    language.choose(PORTUGUESE)
    assert language.told(again).split("(")[0] == language.told(text).split("(")[0] != str(text).split("(")[0]


def test_of_any_other_text_no_phrase_is_made() -> None:
    for text in ("", "Message too long", "drop:data:4", "interrupted by somebody"):
        assert phrased(text) == text
        assert not isinstance(phrased(text), Phrase)


def test_the_library_still_says_what_is_recognised() -> None:
    """Each template stands in the sources as it does in `reasons`, which would not find it otherwise."""
    package = Path(reasons.__file__).parent.parent
    sources = [file.read_text(encoding="utf-8") for file in package.rglob("*.py") if file.name != "reasons.py"]
    for template in reasons.OF_THE_LIBRARY:
        if re.search("[a-z]", template):
            assert any(f'"{template}"' in source for source in sources), template


def test_a_saved_comparison_is_told_too() -> None:
    for make in (unconfirmed, elsewhere):
        loaded = saved.load(saved.dump(make()))
        assert saved.dump(loaded) == saved.dump(make())
        marked.speak()
        assert_told("\n".join(_human_lines(Reading(loaded), True, False, Data(None, Words(None)))))
        language.choose("en")


# Pages ------------------------------------------------------------------------------------------------------------------


class Texts(HTMLParser):
    """What of a page a reader is told: texts, titles and labels; the scripts' data beside them."""

    TOLD = ("title", "aria-label", "data-title")
    UNTOLD = ("script", "style", "code")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.data = ""
        self.language = ""
        self._within: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.language = given.get("lang") or self.language
        self.texts += [given[name] or "" for name in self.TOLD if name in given]
        if tag in self.UNTOLD:
            self._within.append("data" if given.get("id") == "data" else tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.UNTOLD:
            self._within.pop()

    def handle_data(self, text: str) -> None:
        if self._within[-1:] == ["data"]:
            self.data += text
        elif not self._within:
            self.texts.append(text)


def assert_page_is_told(text: str) -> None:
    found = Texts(text)
    assert_told("\n".join(found.texts).replace("uPlot 1.6.32, MIT", ""))
    assert found.language == PORTUGUESE
    data = json.loads(found.data)
    assert data["language"] == PORTUGUESE
    assert_told("\n".join([data["nothing"], *data["words"].values(), *data.get("outcomes", {}).values()]))
    for row in chain(*(made["not_delivered"] for made in data.get("runs", []))):
        assert_told("\n".join(filter(None, row[2:])))


def test_the_page_is_told(whole: Comparison) -> None:
    marked.speak()
    assert_page_is_told(html.page(Reading(whole)))


def test_the_page_of_a_benchmark_is_told_and_its_table() -> None:
    for benchmark in (bench_samples.sample(), bench_samples.without_throughput(bench_samples.sample())):
        marked.speak()
        assert_page_is_told(bench_page.page(benchmark))
        assert_told("\n".join(bench_table.lines(benchmark, colour=False, width=100)))


def test_an_english_page_says_that_it_is() -> None:
    found = Texts(html.page(Reading(sample(count=5))))
    assert found.language == "en"
    assert "What happened" in found.texts
    assert json.loads(found.data)["words"]["late"] == "late"


# What is refused --------------------------------------------------------------------------------------------------------

REFUSED = [
    "seed = -1", "sed = 1", "SEED = 1", "seed = ", "x", "a = [1", "[link", 'link = 1', "[link]\nloss = []", "[link]\nloss = true",
    "[link]\nloss = '101%'", "[link]\ndelay = '20'", "[link]\ndelay = '1/2/3'", "[link]\njitter = '5s'", "[link]\nqueue = 1",
    "[link]\nqueue = 'x'", "[link]\ndelay = '1s,2s'", "[link]\nrate = '1mbit,2mbit@2s,3mbit@1s'", "[link]\npolice = '1mbit'",
    "[link]\npolice = '1mbit:5'",
    "[link]\nmtu = 5", "[link]\nburst = '5%'", "[link]\nburst = '90%:90%'", "[link]\nburst = '1%:0.01%'",
    "[link]\nscript = 5", "[link]\nscript = ['drop:data']", "[link]\nscript = ['drop']", "[link]\nscript = ['drap:data:1']",
    "[link]\nscript = ['drop:date:1']", "[link]\nscript = ['delay:data:5']", "[link]\nscript = ['drop:data:1:2:3']",
    "[link]\nscript = ['drop:data:1:9999999999']", "[link]\npreset = 'qqqq'", "[link.forward]\nloss = 2000-01-01",
    "[workload]\ncount = 0", "[workload]\nsize = '1.5'", "[choices]\nmodes = 5", "[choices]\nmodes = ['udp', 'udp']",
    "[choices]\nmodes = ['sctp']", "[choices]\nnagle = 5", "[choices]\ntcp_congestion = ''", "[choices]\nmin_rto = '0s'",
    "a = 1\na = 2", "a = 'x", "[a]\n[a]", "a = {b = 1",
]  # fmt: skip
WRITTEN = re.compile(
    r"'[^']*'|\[link[.\w]*\]|\[choices\]|\[workload\]|\b(?:seed|loss|delay|jitter|queue|police|rate|mtu|burst|script|preset|count|size|min_rto"
    r"|modes|nagle|tcp_congestion|none|forward|back|data|datetime|drop:\S+|delay:\S+|duplicate:\S+|corrupt:\S+|ENTER:LEAVE"
    r"|true|false|cubic|date|x|drop|duplicate|corrupt|control|link, workload, choices)\b"
)
"""Keys and values, in the file and in examples."""


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_wrong_in_a_scenario_is_told(text: str) -> None:
    with pytest.raises(language.UsageError) as refused:
        scenario.load(text, "5")
    marked.speak()
    said = refused.value.told(language._)
    assert_told(WRITTEN.sub(" ", said.replace(", ".join(PRESETS), "")))


@pytest.mark.parametrize("text", ["x", "{}", '{"format": "udpmsg comparison", "version": 2}', '{"format": "udpmsg comparison"}'])
def test_what_is_no_saved_comparison_is_told(text: str) -> None:
    with pytest.raises(language.UsageError) as refused:
        saved.load(text)
    marked.speak()
    assert_told(refused.value.told(language._).replace("None", ""))


# Programs ---------------------------------------------------------------------------------------------------------------


def test_programs_read_the_same_in_every_language(whole: Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.urandom", bytes)
    spoken = {}
    for name in (*language.LANGUAGES, "marked"):
        if name == "marked":
            marked.speak()
        else:
            language.choose(name)
        held = scenario.Scenario(whole.link or Link(preset("none").forward, preset("none").back), whole.seed)
        spoken[name] = [*comparison_lines.lines(Reading(whole), ledger=True), saved.dump(whole), scenario.dump(held)]
    assert spoken["en"] == spoken[PORTUGUESE] == spoken["marked"]


def test_programs_read_the_same_of_a_benchmark() -> None:
    spoken = []
    for name in language.LANGUAGES:
        language.choose(name)
        spoken.append(json.dumps([bench_lines.fields(one) for one in bench_samples.sample().measurements]))
    assert spoken[0] == spoken[1]


# Portuguese -------------------------------------------------------------------------------------------------------------


def test_the_table_in_portuguese() -> None:
    language.choose(PORTUGUESE)
    reading = Reading(sample(count=5, seed=7, loss=0.2))
    text = [
        line for one in (story.what_was_run(reading), story.table(reading)) for line in pictured(one, colour=False, width=100)
    ]
    assert text[0] == "5 mensagens de 100 B, uma a cada 20 ms, por 20 ms em cada sentido, 20 % de perda"
    assert text[1] == "semente 7 · TCP: controle de congestionamento cubic, Nagle desligado"
    found = [line.split() for line in text]
    assert ["início", "handshake", "nenhum", "nenhum", "40", "ms"] in found
    assert [line[:5] for line in found if "entregues" in line] == [["mensagens", "entregues", "5", "de", "5"]]
    assert ["primeira", "entrega"] in [line[:2] for line in found]


@pytest.mark.parametrize("width", [100, 120, 160])
def test_in_portuguese_nothing_is_longer_than_the_terminal_is_wide(whole: Comparison, width: int) -> None:
    language.choose(PORTUGUESE)
    shown = [*pictured(story.table(Reading(whole)), colour=False, width=width)]
    shown += ladder_lines.beside(whole.runs, width=width, colour=False)
    shown += [line for paragraph in setting(whole) for line in paragraph.split("\n") if " " not in line]
    assert max(map(len, shown)) <= width


def test_in_portuguese_nothing_of_a_ladder_is_cut_off_at_100_columns(whole: Comparison) -> None:
    language.choose(PORTUGUESE)
    for made in whole.runs:
        narrow, wide = (" ".join(ladder_lines.lines(made, width=width, colour=False, limit=80)).split() for width in (100, 400))
        assert narrow == wide


def test_columns_of_the_ledger_do_not_touch_in_portuguese(whole: Comparison) -> None:
    language.choose(PORTUGUESE)
    lines = list(ledger.lines(Reading(whole), colour=False))
    heads = [line for line in lines if line.lstrip().startswith("#")]
    assert heads
    for head in heads:
        assert re.split(r"\s{2,}", head.strip()) == ["#", "enviada, ms", "vezes", "entregue, ms", "atraso", "resultado"]
    assert "não confirmada" in "\n".join(ledger.lines(Reading(unconfirmed()), colour=False))


@pytest.mark.parametrize("hint", Hint)
def test_only_a_refusal_is_told_as_nobody(hint: Hint) -> None:
    words = trouble_words(Unreachable(Endpoint("udp", "192.0.2.1", 7), "the system's words", hint))
    assert words.endswith(" (the system's words)")
    assert "192.0.2.1:7" in words
    assert ("nobody listens" in words) is (hint is Hint.NOBODY)
