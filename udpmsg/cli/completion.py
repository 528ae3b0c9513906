"""What a shell is told when Tab is pressed. Loaded only then.

Owns that it is quick, and that nothing but completions is written: it would stand in the middle of the prompt. How a shell asks
and is answered is typer's; the names are those of the rows (`udpmsg.base.kinds`).
"""

import os
import re
from collections.abc import Callable
from contextlib import redirect_stderr
from io import StringIO
from typing import Any

from typer import _completion_classes
from typer._click.shell_completion import CompletionItem, add_completion_class, split_arg_string
from typer._completion_classes import BashComplete, FishComplete, ZshComplete


def complete(program: Callable[[str], Any]) -> int:
    """Answer the shell; return the exit code, which tells fish something too. `program` makes it for its first word."""
    words = split_arg_string(os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", ""))
    try:
        with redirect_stderr(StringIO()):
            made = program(words[1] if len(words) > 1 else "")
            for shell in (BashComplete, FishComplete, ZshComplete):
                add_completion_class(answering(shell), shell.name)
            _completion_classes._sanitize_help_text = plain
            made(args=[], prog_name="udpmsg", standalone_mode=False)
    except SystemExit as end:
        return int(end.code or 0)
    except Exception:  # no completion is worth a sentence in the middle of somebody's prompt
        pass
    return 1


def answering(shell: Any) -> Any:
    """A shell of typer's, which understands --link=wifi too."""

    class Completer(shell):  # type: ignore[misc]
        def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
            name, equals, _ = incomplete.partition("=")
            items = super().get_completions([word for word in args if word != "="], incomplete)  # bash makes three words of it
            for item in items if equals and name else ():
                item.value = f"{name}={item.value}"
            return list(items)

    return Completer


def plain(text: str) -> str:
    """A help without its markup, for which typer would load rich. Of an apostrophe typer makes two for zsh, which shows none."""
    return re.sub(r"\[/?(?:dim|bold)\]", "", text).replace("\\[", "[").replace("''", "\N{RIGHT SINGLE QUOTATION MARK}")
