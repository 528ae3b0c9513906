"""The program `udpmsg`: finds the command, imports only what it needs, and ends with its exit code.

Start-up is part of the product (`udpmsg send` in a loop of a script), so: the garbage collector rests while modules are made,
a command is imported when it is named, and the process ends without taking the interpreter apart piece by piece.
Knows no command's work.
"""

from __future__ import annotations

import gc
import os
import sys

from udpmsg.base.errors import N_

TYPE_CHECKING = False  # typing's own constant costs its import, which Ctrl-C could hit before anything is there to catch it
if TYPE_CHECKING:
    from typing import Any, NoReturn

    import typer

    from udpmsg.cli.signals import Interrupts

COMMANDS = {
    "listen": N_("Receive messages, from any number of senders at once."),
    "send": N_("Send messages: fire and forget, acknowledged, or a dialogue."),
    "inbox": N_("Show, save or send again what listen --store has kept."),
    "compare": N_("The same messages over UDP, UDP with acknowledgments and TCP, over one link with faults."),
    "demo": N_("Lessons for a class: what do you think will happen, what did happen, and why."),
    "bench": N_("How fast messages go: throughput without loss, flood, goodput, round-trip times."),
    "report": N_("Show a saved comparison again, in any form."),
    "relay": N_("Put faults in front of any UDP program, and delay in front of TCP."),
    "capture": N_("Print or install a dissector, to read captures in Wireshark."),
}
"""Each is a module of this package with a function of its own name, and HELP and EPILOG."""

COMPLETING = "_UDPMSG_COMPLETE"
"""The variable by which a shell asks what may stand where Tab was pressed."""
SETTINGS = {"help_option_names": ["-h", "--help"]}


def main() -> NoReturn:
    """The entry point: run, flush, and leave."""
    gc.disable()
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # before there was a handler of ours
        code = 130
    except Exception as error:  # the last catch: the user reads a sentence, and no traceback
        code = _fail(error)
    code = _flush(code)
    # Safe: every file and socket of ours is closed by now, nothing is registered to run at exit, and the one thread that may
    # be left waits in a read of standard input, which the interpreter's own ending can't interrupt.
    os._exit(code)


def run(arguments: list[str]) -> int:
    """Run a command line, without the program's name; return the exit code."""
    try:
        interrupts = _handlers()
    except KeyboardInterrupt:  # before there was a handler of ours: the command still begins, and ends in order
        interrupts = _handlers()
        interrupts.number = 2
    return _dispatch(arguments, interrupts)


def _fail(error: Exception) -> int:
    """Say in one sentence what no command caught; return the exit code."""
    if isinstance(error, BrokenPipeError):
        return 1  # the reader of our output has seen enough, and needs no words
    try:
        from udpmsg.cli.output import unexpected

        _refuse("udpmsg", unexpected(error), 1)
    except Exception:  # no module can be loaded where no more files may be opened
        try:
            print(f"udpmsg: {error}", file=sys.stderr)
        except (OSError, ValueError):
            pass
    return 1


def _flush(code: int) -> int:
    """Write what still waits to be written; return the exit code, which is 1 where standard output could not have all of it."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError) as error:
        if code == 0:  # any other code: its command has said why
            code = _fail(error)
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
    except (OSError, ValueError):
        pass  # nobody to say it to
    return code


def _handlers() -> Interrupts:
    from udpmsg.cli.signals import Interrupts

    return Interrupts()


def _dispatch(arguments: list[str], interrupts: Interrupts) -> int:
    import typer

    from udpmsg.base.errors import UdpmsgError
    from udpmsg.base.language import choose_from, told
    from udpmsg.cli.signals import Interrupted

    choose_from(arguments)
    if COMPLETING in os.environ:
        from udpmsg.cli.completion import complete

        return complete(lambda word: _program(word if word in COMMANDS else None, completing=True))
    named = arguments[0] if arguments and arguments[0] in COMMANDS else None
    program = _program(named)
    gc.freeze()  # what was imported stays: no collection need look at it again
    gc.enable()
    name = f"udpmsg {named}" if named else "udpmsg"
    try:
        code = program(args=arguments[1:] if named else arguments, prog_name=name, standalone_mode=False, obj=interrupts)
    except UdpmsgError as error:
        from udpmsg.cli.exits import exit_for

        return _refuse(name, told(error), exit_for(error))
    except typer.TyperException as error:
        from udpmsg.cli.habits import meant

        hint = meant(named, error.format_message(), arguments[1:])
        words = _words_of(error)
        return _refuse(name, f"{words.rstrip('.')}; {hint}" if hint else words, error.exit_code)
    except typer.Abort:
        return 130
    except Interrupted:
        return _refuse(name, interrupts.words, interrupts.code)
    return int(code or 0)


def _program(named: str | None, *, completing: bool = False) -> Any:
    """The command that was named, alone; all of them for `udpmsg --help` and for a word that is none.

    To complete a command line, the others are there by their names alone: importing them takes longer than anybody waits for Tab.
    """
    import typer
    from typer.main import get_command

    from udpmsg.base.language import ENGLISH, _, spoken
    from udpmsg.cli.given import callback

    classes: dict[str, Any] = {"group": None, "command": None}  # typer's own
    if spoken() != ENGLISH:
        from udpmsg.cli.typer_words import Command, CommandGroup

        classes = {"group": CommandGroup, "command": Command}
    app = typer.Typer(
        cls=classes["group"],
        add_completion=completing or named is None,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings=SETTINGS,
    )
    if completing or named is None:
        from udpmsg.cli.overview import EPILOG, HELP, overview

        app.callback(invoke_without_command=True, help=HELP, epilog=EPILOG)(overview)
    for name in [named] if named and not completing else COMMANDS:
        if completing and name != named:
            app.command(name, short_help=_(COMMANDS[name]))(lambda: None)
            continue
        module = _command_module(name)
        app.command(
            name,
            cls=classes["command"],
            help=module.HELP,
            short_help=_(COMMANDS[name]),
            epilog=module.EPILOG,
            context_settings=SETTINGS,
        )(callback(getattr(module, name), module.OPTIONS))
    return get_command(app)


def _command_module(name: str) -> Any:
    from importlib import import_module

    return import_module(f"udpmsg.cli.{name}")


def _words_of(error: typer.TyperException) -> str:
    from udpmsg.base.language import ENGLISH, spoken

    sentence = error.format_message().removeprefix("Invalid value: ")
    if spoken() != ENGLISH:
        from udpmsg.cli.typer_words import translated

        return translated(sentence)
    return sentence


def _refuse(name: str, sentence: str, code: int) -> int:
    from udpmsg.base.language import _
    from udpmsg.show.stream import Words, forgiving
    from udpmsg.show.terminal import paint

    forgiving(sys.stderr)
    words = Words(sys.stderr)
    words.say(f"{paint('udpmsg:', 'error', words.colour)} {sentence}")
    if code == 2:
        words.say(_("See {} --help").format(name))
    return code
