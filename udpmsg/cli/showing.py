"""What `compare` and `report` have in common: a comparison on standard output, and in files. `bench` uses its streams too.

Owns the order of the parts, and which file holds what. How each part looks is its own module's, loaded only when it is asked for.
"""

import gc
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from udpmsg.base.language import _, told
from udpmsg.cli.outputs import CannotWrite, Writable
from udpmsg.show.stream import Data, Words, columns, forgiving
from udpmsg.show.terminal import byte_count

if TYPE_CHECKING:
    from udpmsg.compare.reading import Reading

PIPE_WIDTH = 100
"""Columns where nobody sees a terminal."""

PLAIN = str.maketrans(
    {"├": "|", "┤": "|", "│": "|", "─": "-", "┄": ".", "≈": "~", "▶": ">", "◀": "<", "▸": ">", "✗": "x", "⋮": ":", "–": "-"}
    | {"·": "|", "µ": "u", "“": '"', "”": '"', "±": "+-", "…": "...", "×": "x"}
    | {"✓": "+", "█": "#", "»": ">"}
)
"""What stands for a sign that the output's encoding does not have."""


def open_streams(outputs: Iterable[Writable] = ()) -> tuple[Data, Words]:
    """Where data and words go: standard output and standard error. Where a file of the run's takes standard output, which is then
    that file and nothing else, both go to standard error."""
    forgiving(sys.stdout)
    forgiving(sys.stderr)
    words = Words(sys.stderr)
    return Data(sys.stderr if any(output.standard for output in outputs) else sys.stdout, words), words


@contextmanager
def undisturbed() -> Iterator[None]:
    """Look for no cycles among the objects: a comparison has none, and to walk through its million of rows again and again, as
    more of them are made, takes a third of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def show(reading: "Reading", *, ledger: bool, ladder: bool, json: bool, data: Data, words: Words) -> None:
    """Write it to standard output: JSON lines, or for people ladder, ledger and, last because a terminal shows that, the table.

    Ends early where it can't be written, which is then said; a reader that went away has seen enough, and needs no words.
    """
    put(data, _json_lines(reading, ledger) if json else _human_lines(reading, ledger, ladder, data))
    if data.broken and not data.gone:
        words.say(f"udpmsg: {data.broken}")


def put(data: Data, lines: Iterable[str]) -> None:
    """Write lines, spelled so that the output can have them, until one can't be written."""
    encoding = getattr(data.stream, "encoding", None) or "utf-8"
    for line in lines:
        if data.broken:
            break
        data.write(spelled(line, encoding))


def write(reading: "Reading", outputs: Mapping[str, Writable], words: Words) -> None:
    """Write the files: `html` a page, `pcap` a capture, `keep` the comparison itself.

    Raises CannotWrite for the first that can't be written, when all others are: a run is not made again for a full disk."""
    failed: CannotWrite | None = None
    for kind, output in outputs.items():
        try:
            size = WRITERS[kind](reading, output)
            say_written(output, size, words)
            if kind == "keep":
                _warn_of(size, words)
        except CannotWrite as error:
            failed = failed or error
    if failed is not None:
        raise failed


def say_written(output: Writable, size: int, words: Words) -> None:
    """That a file is there, and its size in bytes."""
    words.say(f"{told(output.name)}: {byte_count(size)}")


def write_page(text: str, output: Writable, words: Words) -> None:
    """Write a page for a browser, and say so. Raises CannotWrite."""
    say_written(output, output.write(text.encode("utf-8", "backslashreplace")), words)


def _json_lines(reading: "Reading", ledger: bool) -> Iterator[str]:
    from udpmsg.compare.jsonlines import lines

    return lines(reading, ledger=ledger)


def _human_lines(reading: "Reading", ledger: bool, ladder: bool, data: Data) -> Iterator[str]:
    from udpmsg.compare import story
    from udpmsg.show.pictures import Prose
    from udpmsg.show.text import lines

    comparison = reading.comparison
    width = columns(data.stream) if data.terminal else PIPE_WIDTH
    if ladder:
        from udpmsg.compare.ladder_text import beside

        yield from beside([one.run for one in reading.first], width=width, colour=data.colour)
        yield ""
    if ledger:
        from udpmsg.compare import ledger_text

        yield from ledger_text.lines(reading, colour=data.colour)
        yield ""
    yield from lines(story.what_was_run(reading), width=width, colour=data.colour)
    yield from lines(story.strip(reading), width=width, colour=data.colour)
    yield from lines(story.table(reading), width=width, colour=data.colour)
    yield ""
    if comparison.choices.repeat > 1 and comparison.runs:
        words = _("Repetition {}:").format(comparison.runs[0].repetition)
        yield from lines(Prose((words,), "note"), width=width, colour=data.colour)
    yield from lines(story.sentences(reading), width=width, colour=data.colour)


def spelled(line: str, encoding: str) -> str:
    """The line with plainer signs where the output's encoding lacks one, and letters without accents where it lacks these too."""
    if encodable(line, encoding):
        return line
    plain = line.translate(PLAIN)
    if encodable(plain, encoding):
        return plain
    from unicodedata import combining, normalize

    return "".join(character for character in normalize("NFKD", plain) if not combining(character))


def encodable(text: str, encoding: str) -> bool:
    """Whether the encoding has all of its characters."""
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


# Files.


def _html(reading: "Reading", output: Writable) -> int:
    from udpmsg.compare.page.whole import page

    return output.write(page(reading).encode("utf-8", "backslashreplace"))


def _warn_of(size: int, words: Words) -> None:
    """Say that a kept comparison can't be read again, if that is so."""
    from udpmsg.compare.saved import LARGEST

    if size > LARGEST:
        words.say(_("udpmsg report reads no more than {}: keep a run of fewer messages").format(byte_count(LARGEST)))


def _keep(reading: "Reading", output: Writable) -> int:
    from udpmsg.compare.saved import dump

    return output.write(dump(reading.comparison).encode("ascii"))


def _pcap(reading: "Reading", output: Writable) -> int:
    from udpmsg.link import pcapng

    comparison = reading.comparison
    started = round(datetime.fromisoformat(comparison.started).timestamp()) * 10**9
    runs, offset = [], 0
    for run in comparison.runs:  # one after the other, so that times grow: each run's own begin at 0
        name = f"{run.mode.value} {run.repetition}" if comparison.choices.repeat > 1 else run.mode.value
        frames = run.captured or []
        runs.append((name, [frame._replace(at=frame.at + offset) for frame in frames], run.frames or []))
        offset += max((frame.at for frame in frames), default=0) + 10**9
    with output.opened() as file:
        pcapng.write(file, runs, started)
    return file.size


WRITERS = {"html": _html, "keep": _keep, "pcap": _pcap}
"""What is written to the file that an option names."""
