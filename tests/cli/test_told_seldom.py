"""What seldom happens is told in the user's language as well: every event, rule and error that people are shown."""

import errno
import os
import signal
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests import marked
from tests.cli.test_told import assert_told
from tests.compare.samples import sample
from udpmsg.base import language
from udpmsg.base.errors import Phrase, UdpmsgError, UsageError
from udpmsg.base.option import Option
from udpmsg.cli import listen, saving, send
from udpmsg.cli.answering import Answerer, Typed
from udpmsg.cli.exchange import Exchange
from udpmsg.cli.executor import Executor
from udpmsg.cli.given import check
from udpmsg.cli.lines import LineTooLong
from udpmsg.cli.listen import announce
from udpmsg.cli.listen_run import EndRules, ListenRun
from udpmsg.cli.output import conduct, sentence
from udpmsg.cli.outputs import Writable
from udpmsg.cli.saving import CannotSave, Saver
from udpmsg.cli.signals import Interrupted, Interrupts
from udpmsg.compare import sentences
from udpmsg.compare.reading import Reading
from udpmsg.compare.trace import Where
from udpmsg.core.events import (
    Disconnected,
    Duplicate,
    Event,
    Goodbye,
    LimitReached,
    Malformed,
    Message,
    OffloadRefused,
    Outcome,
    PeerRestarted,
    State,
)
from udpmsg.link.faults import Link
from udpmsg.link.faults import Path as Way
from udpmsg.link.script import parse_fault
from udpmsg.show.human import HumanLines
from udpmsg.show.schema import empty_summary
from udpmsg.show.stream import Data, Words
from udpmsg.show.terminal import summary_words
from udpmsg.sockets.endpoint import Endpoint
from udpmsg.sockets.listening import explained

HERE = Endpoint("udp", "127.0.0.1", 5000)


@pytest.fixture(autouse=True)
def speaking() -> Iterator[None]:
    """This process speaks the language of marked texts."""
    marked.speak()
    yield
    language.choose(None)


class Shown:
    """Both outputs of a command, kept."""

    def __init__(self, **options: Any) -> None:
        self.out, self.err = StringIO(), StringIO()
        self.words = Words(self.err)
        self.lines = HumanLines(Data(self.out, self.words), self.words, **options)

    @property
    def text(self) -> str:
        return self.out.getvalue() + self.err.getvalue()


def listening(shown: Shown) -> ListenRun:
    """A run of `listen` that handles what it is given."""
    ending = EndRules(None, None, None, False, None, b"bye")
    interrupts: Any = SimpleNamespace(number=None)
    receiver: Any = SimpleNamespace()
    return ListenRun(receiver, shown.lines, shown.words, interrupts, ending=ending, answerer=Answerer(), saver=None, slow=0)


def exchange(shown: Shown) -> Exchange:
    """A run of `send` that handles what it is given."""
    sender: Any = SimpleNamespace(endpoint=HERE, spool=None)
    return Exchange(sender, shown.lines, shown.words, Interrupts(), deadline=60)


LIMITS = ("sessions", "max_message", "session_messages", "session_bytes", "total_bytes", "gaps", "replies")
REASON = Phrase("the connection ended: {}", Phrase("Connection reset by peer"))
MALFORMED = Malformed(HERE, str(UdpmsgError("fragment {} of {}", 3, 2)), 12)
UNCONFIRMED = Outcome(2, State.UNCONFIRMED, REASON)
TO_A_LISTENER: list[Event] = [
    Message(b"1", HERE),
    Message(b"1", HERE, 7, 2, reply_to=1, reordered=True, transmission=2),
    Duplicate(HERE, 7, 2, 2),
    Goodbye(HERE, 7, 3, 1),
    *(LimitReached(HERE, 7, limit, 256) for limit in LIMITS),
    MALFORMED,
    Disconnected(HERE, Phrase("does not speak udpmsg: {}", UsageError("a line of more than {} bytes", 5))),
    UNCONFIRMED,
]
TO_A_SENDER: list[Event] = [
    Outcome(1, State.DELIVERED, transmissions=2, rtt_ns=1_250_000),
    UNCONFIRMED,
    Outcome(3, State.REFUSED, Phrase("not sent ({})", "EMSGSIZE")),
    MALFORMED,
    Disconnected(HERE, REASON),
    PeerRestarted(7),
    OffloadRefused(HERE, "Operation not permitted"),
]


@pytest.mark.parametrize(
    ("run", "event"),
    [*((listening, event) for event in TO_A_LISTENER), *((exchange, event) for event in TO_A_SENDER)],
)
def test_every_event(run: Callable[[Shown], Any], event: Event) -> None:
    shown = Shown()
    run(shown).take([event])
    assert_told(shown.text)


@pytest.mark.parametrize("observer", ["listener", "sender"])
@pytest.mark.parametrize("count", [1, 2000])
def test_a_summary_with_everything(observer: str, count: int) -> None:
    summary = empty_summary("udp", observer, True)
    summary |= {key: count for key, value in summary.items() if key.startswith("messages") or key in COUNTS}
    summary |= {"payload_bytes": 1 << 20, "duration_s": 1.5, "goodput_bps": 12345678, "rtt_s": {"count": count, "p50": 0.00125}}
    assert_told(summary_words(summary, "127.0.0.1:5000"))


COUNTS = ("duplicates", "reordered", "retransmissions", "kernel_drops", "malformed", "over_limit")


@pytest.mark.parametrize("row", [*send.OPTIONS, *listen.OPTIONS], ids=lambda row: row.key)
def test_every_rule(row: Option) -> None:
    for other, _ in row.against:
        with pytest.raises(UsageError) as refused:
            check([row], {row.key: "", other: "UDPMSG_OTHER"})
        assert_told(refused.value.told(language._))
    if row.needs:
        with pytest.raises(UsageError) as refused:
            check([row], {row.key: ""})
        assert_told(refused.value.told(language._))


@pytest.mark.parametrize("number", [errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL, errno.ENOBUFS])
def test_an_address_that_cannot_be_listened_on(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    for platform, port in (("linux", 80), ("darwin", 5000)):
        monkeypatch.setattr("sys.platform", platform)
        error = explained(OSError(number, os.strerror(number)), Endpoint("udp", "127.0.0.1", port))
        assert_told(error.told(language._).partition(" ss ")[0].partition(" lsof ")[0])


def test_a_port_of_the_system() -> None:
    shown = Shown()
    shown.words.terminal = True
    receiver: Any = SimpleNamespace(endpoints=[Endpoint("tcp", "127.0.0.1", 80), Endpoint("udp", "0.0.0.0", 80)])
    receiver.receive_buffer, receiver.offload = 4096, True
    announce(receiver, shown.lines, shown.words, quiet=False)
    assert_told(shown.text)


def test_an_error_of_the_system() -> None:
    assert_told(sentence(OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))).replace("Errno", ""))


def test_a_signal_before_anything_was_begun() -> None:
    shown = Shown()
    interrupts = Interrupts()
    interrupts.number = signal.SIGTERM

    def run() -> int:
        raise Interrupted

    assert conduct(run, shown.lines, shown.words, interrupts, empty_summary("udp", "sender")) == 143
    assert_told(shown.text)


class Full(StringIO):
    """A disk without room."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_an_output_that_takes_nothing() -> None:
    for stream in (Full(), None):
        data = Data(stream, Words(StringIO()))
        data.write("1")
        assert_told(data.broken or "")


def test_a_file_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("1").mkdir()
    Path("2").touch()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    for path in ("1", "2"):
        with pytest.raises(UsageError) as refused:
            Writable(Path(path))
        assert_told(refused.value.told(language._))
    with pytest.raises(UsageError) as refused:
        Saver(Path("1"))
    assert_told(refused.value.told(language._))


def test_a_message_that_cannot_be_saved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for failure in (FileExistsError(errno.EEXIST, ""), OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))):

        def refuse(*_: Any, error: OSError = failure) -> None:
            raise error

        monkeypatch.setattr(saving, "name_exclusively", refuse)
        for message in (Message(b"1", HERE, 7, 2), Message(b"22", HERE)):
            with Saver(Path("1")) as saver, pytest.raises(CannotSave) as lost:
                saver.save(message)
            assert_told(lost.value.told(language._))


def test_a_long_message_and_no_bytes() -> None:
    shown = Shown()
    shown.lines._limit = 10
    shown.lines.messages([Message(b"1" * 100, HERE, 7, 2)])
    assert_told(shown.text)
    shown = Shown(hexadecimal=True)
    shown.lines.messages([Message(b"", HERE, 7, 2)])
    assert_told(shown.text)


def test_answers_that_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    left = iter([[LineTooLong(99)], []])
    lines: Any = SimpleNamespace(ended=False, take=lambda most: next(left))
    words: Any = SimpleNamespace(say=said.append, typed=lambda: None)
    typed = Typed(lines, words)
    typed.take(Message(b"1", HERE, 7, 2))
    assert list(typed.ready()) == []
    monkeypatch.setattr("udpmsg.cli.answering.WAITING", 1)
    typed.take(Message(b"2", HERE, 7, 3))
    assert len(said) == 2
    assert_told(*said)
    monkeypatch.setattr("udpmsg.cli.executor.WORKERS", 0)
    monkeypatch.setattr("udpmsg.cli.executor.WAITING", 1)
    executor = Executor("cat", lambda: None, 1000)
    for _ in range(2):
        executor.take(Message(b"1", HERE, 7, 2))
    assert_told(executor.troubles.get())


@pytest.mark.parametrize(
    "faults", [[], ["drop:data:2"], ["drop:data:2", "drop:data:4", "duplicate:data:3"], ["delay:data:2:90ms"]]
)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_sentence_on_each_mode(faults: list[str], count: int) -> None:
    way = Way(delay=20_000_000)
    for where in (Where.LAB, Where.RELAY):
        whole = sample(count=count, link=Link(way, way, tuple(map(parse_fault, faults))))
        whole.where = where
        for one in Reading(whole).runs:
            text = sentences.sentence(one)
            for fault in faults:
                text = text.replace(fault, "")
            assert_told(text, *sentences.disagreements(one))
