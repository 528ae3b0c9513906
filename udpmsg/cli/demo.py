"""The command `demo`: parse, list lessons or run them (see `in_class`), exit code."""

from collections.abc import Iterable

import typer

from udpmsg.base import kinds
from udpmsg.base.errors import N_, UsageError
from udpmsg.base.kinds import ValueKind
from udpmsg.base.language import _
from udpmsg.base.option import Option
from udpmsg.cli import options, showing
from udpmsg.cli.exits import Exit
from udpmsg.cli.given import Given
from udpmsg.cli.in_class import LessonShow, width_of
from udpmsg.cli.outputs import Writable, open_outputs
from udpmsg.lessons import printed as lesson_lines
from udpmsg.lessons.running import Result
from udpmsg.lessons.table import LESSONS, Entry, entry, load

HELP = _("""\
Lessons for a class, each in one command: what do you think will happen, what did happen, and why.

[bold]Examples[/bold]

  udpmsg demo                          every lesson, with a line about it
  udpmsg demo nobody                   run one
  udpmsg demo handshake --ask          the class votes before the run
  udpmsg demo head-of-line --step      a key for each step
  udpmsg demo boundaries --slow 1s     a second for each step
  udpmsg demo all                      all of them, one after the other
  udpmsg demo all --html handout.html  a page to hand out
  udpmsg demo all --worksheet w.html   sheets to write on, answers last
  udpmsg demo sizes --lang pt-BR       in Portuguese
  udpmsg demo all --json               what was seen, for programs

Real sockets and the kernel's own UDP and TCP, on this machine alone. Each lesson checks what was seen against what it expects.
""")

EPILOG = _("""\
Exit codes: 0 everything expected was seen, 3 something was not, 1 a lesson could not be run here, 2 usage, 130 Ctrl-C, \
143 terminated. Every option can be set by the environment: --lang by UDPMSG_LANG.
""")

CLASS = N_("In class")
ALL = "all"

OPTIONS = (
    Option(
        "name",
        N_("A lesson, or all; without it, a list of them."),
        ValueKind("[NAME]", str, names=(*(row.name for row in LESSONS), ALL)),
    ),
    Option("--ask", N_("Wait for the class's vote, with the keys a to d; then for a key before each part."), panel=CLASS),
    Option(
        "--step",
        N_("Wait for a key before each step and part."),
        panel=CLASS,
        against=(("slow", N_("each says when the next step comes")),),
    ),
    Option(
        "--slow",
        N_("How long to pause before each step and part. The network is as fast as ever."),
        kinds.SOME_SECONDS,
        CLASS,
    ),
    options.written_file("--html", N_("Write the handout, a page for any browser and for paper.")),
    options.written_file(
        "--worksheet",
        N_("Write a sheet of paper per lesson, with room to write and the answers at the back. Nothing is run."),
        against=tuple((name, N_("a worksheet is written without a run")) for name in ("ask", "step", "slow", "html", "json")),
    ),
    options.LANG,
    options.JSON._replace(
        against=tuple((name, N_("JSON lines are for programs, which wait for nobody")) for name in ("ask", "step", "slow"))
    ),
)


def demo(context: typer.Context, given: Given) -> int:
    """List the lessons, or run what is named; return the exit code. HELP is what users read."""
    given.check(OPTIONS)
    if given.name is None:
        for row in OPTIONS:
            if row.key in given.written and row is not options.LANG:
                raise UsageError("--{} means nothing without a lesson: name one, or all", row.key)
        return listing()
    entries = LESSONS if given.name.strip().lower() == ALL else (entry(given.name),)
    outputs = open_outputs({"worksheet": given.worksheet, "html": given.html}, json=given.json)
    if given.worksheet is not None:
        return write_worksheets(entries, outputs["worksheet"])
    show = LessonShow(context.obj, outputs, ask=given.ask, step=given.step, slow=given.slow or 0.0, json=given.json)
    results = show.all(entries)
    if show.interrupts.number is not None:
        show.words.say(show.interrupts.words)
        return show.interrupts.code
    for output in outputs.values():
        from udpmsg.lessons.page import page

        showing.write_page(page(results), output, show.words)
    if show.data.broken:
        show.words.say(f"udpmsg: {show.data.broken}")
    return exit_code(results, broken=show.data.broken is not None)


def write_worksheets(entries: Iterable[Entry], output: Writable) -> int:
    """A sheet for each lesson, without running any."""
    from udpmsg.lessons.worksheet import worksheet

    _data, words = showing.open_streams((output,))
    text = worksheet({row.name: load(row) for row in entries})
    showing.write_page(text, output, words)
    return Exit.WELL


def listing() -> int:
    """The lessons and what each is about."""
    data, words = showing.open_streams()
    showing.put(data, lesson_lines.listing(LESSONS, width=width_of(data), colour=data.colour))
    if not data.broken:
        words.say(_("Run one: udpmsg demo {}").format(LESSONS[0].name))
    elif not data.gone:
        words.say(f"udpmsg: {data.broken}")
    return Exit.ERROR if data.broken else Exit.WELL


def exit_code(results: list[Result], *, broken: bool) -> int:
    """What could not be run counts more than what was not seen."""
    if broken or any(result.error is not None for result in results):
        return Exit.ERROR
    return Exit.WELL if all(result.ok for result in results) else Exit.UNCONFIRMED
