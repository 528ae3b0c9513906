"""What typer says by itself, in the user's language: headings and words of the help, and its sentences about a command line.

Loaded for another language than English alone. typer takes no catalogue, so its words are changed where it lets others do so: by
classes of commands, by the fixed strings of its help, and by recognising its sentences. One that is not recognised stays English.
Knows no command of ours.
"""

import re
from typing import Any

from typer.core import TyperCommand, TyperGroup

from udpmsg.base.language import N_, _

USAGE, OPTIONS, COMMAND = N_("Usage: "), N_("[OPTIONS]"), N_("COMMAND [ARGS]...")
TITLES = {
    "ARGUMENTS_PANEL_TITLE": N_("Arguments"),
    "OPTIONS_PANEL_TITLE": N_("Options"),
    "COMMANDS_PANEL_TITLE": N_("Commands"),
    "REQUIRED_LONG_STRING": N_("[required]"),
}
"""The fixed strings of typer's help that are shown here."""
HELPS = (
    N_("Show this message and exit."),
    N_("Install completion for the current shell."),
    N_("Show completion for the current shell, to copy it or customize the installation."),
)
"""What typer says of its own options."""
SENTENCES = (
    N_("Invalid value for {}: {}"),
    N_("{} is not a valid boolean. Recognized values: {}"),
    N_("Missing argument {}."),
    N_("No such option: {} (Possible options: {})"),
    N_("No such option: {}"),
    N_("Option {} requires an argument."),
    N_("Option {} does not take a value."),
    N_("Got unexpected extra argument(s) ({})"),
    N_("No such command {}. Did you mean {}?"),
    N_("No such command {}."),
)
"""What it says of a command line; the first that fits is meant."""


def translated(sentence: str) -> str:
    """A sentence of typer's in the user's language, also where another one is part of it."""
    for template in SENTENCES:
        found = re.fullmatch("(.+?)".join(map(re.escape, template.split("{}"))), sentence, re.DOTALL)
        if found:
            return _(template).format(*map(translated, found.groups()))
    return sentence


class Spoken:
    """What a command and a group of them have in common."""

    def get_params(self, context: Any) -> list[Any]:
        """Its options and arguments, typer's own with their help in the user's language."""
        parameters: list[Any] = super().get_params(context)  # type: ignore[misc]
        for parameter in parameters:
            if parameter.help in HELPS:
                parameter.help = _(parameter.help)
        return parameters

    def collect_usage_pieces(self, context: Any) -> list[str]:
        """The parts of the usage line."""
        return [_(piece) for piece in super().collect_usage_pieces(context)]  # type: ignore[misc]

    def format_usage(self, context: Any, formatter: Any) -> None:
        """The usage line."""
        formatter.write_usage(context.command_path, " ".join(self.collect_usage_pieces(context)), prefix=_(USAGE))

    def format_help(self, context: Any, formatter: Any) -> None:
        """The whole help."""
        from typer import rich_utils

        for name, title in TITLES.items():
            setattr(rich_utils, name, _(title))
        rich_utils.OptionHighlighter.highlights.append(rf"(?P<usage>{re.escape(_(USAGE))})")
        super().format_help(context, formatter)  # type: ignore[misc]


class Command(Spoken, TyperCommand):
    """One command."""


class CommandGroup(Spoken, TyperGroup):
    """All of them."""
