"""A language in which every translated text is visibly marked: its letters are Cyrillic. What is still Latin was not translated.

A text that is not in the catalogues stays as it is, so that one which is only looked up is found as well. As a program it is
udpmsg in that language: with a command line, that one; without, each line of its standard input, a NUL after each.
"""

import re
import shlex
import sys
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from udpmsg.base import language
from udpmsg.cli.habits import EXAMPLES

LATIN = "abcdefghijklmnopqrstuvwxyz"
MARKS = str.maketrans(
    LATIN + LATIN.upper(), "".join(chr(0x430 + place) for place in range(26)) + "".join(map(chr, range(0x410, 0x42A)))
)
KEPT = re.compile(r"(\{[^{}]*\}|\[/?(?:bold|dim)\])")
"""Places for values, and what the help is painted with."""
DATA = re.compile(
    r"""
    (?<!\w)'[^'\ ]*'                          # what was typed
  | (?<!\w)--?[A-Za-z][\w-]*                # options
  | \b[0-9a-f]*::[0-9a-f]*                   # addresses
  | \b(?:UDPMSG_\w+|[A-Z]+)(?:\[:[A-Z]+\])?\b   # what stands for a value, a variable, a protocol, an error's number in words
  | <(?:str|path)>
  | 0,\ 1,\ f,\ false,\ n,\ no,\ off,\ on,\ t,\ true,\ y,\ yes
  | (?:/[\w.-]+)+                           # files
  | \b\d{6}-(?:raw|[0-9a-f]{16}-\d{6})\.msg
  | \b[0-9a-f]{4}(?:\ \ ?[0-9a-f]{2})+      # bytes
  | \b0x[0-9a-f]+\b
  | \b\d*(?:s|ms|µs|us|min|KiB|MiB|mbit|kbit/s|Mbit/s|Gbit/s|bit/s)\b
  | \b(?:udpmsg|listen|send|compare|demo|bench|report|relay|capture|inbox|udp|tcp|both|bye|newreno|cubic|bbr|en|pt)\b
    """,
    re.VERBOSE,
)
"""What is the same in every language."""
COMMANDS = re.compile("|".join(map(re.escape, EXAMPLES.values())))
"""The examples of whole commands: the same too."""


def marked(text: str) -> str:
    """The text in that language."""
    return "".join(piece if KEPT.fullmatch(piece) else piece.translate(MARKS) for piece in KEPT.split(text))


class Missing(NullTranslations):
    """What a catalogue does not have."""

    def gettext(self, message: str) -> str:
        """Nothing."""
        return ""

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Nothing."""
        return ""


class Marked(GNUTranslations):
    """The catalogue of Portuguese, with the marked text instead of the translated one."""

    def __init__(self) -> None:
        folder = Path(language.__file__).parent / "locale" / "pt_BR" / "LC_MESSAGES"
        with (folder / "udpmsg.mo").open("rb") as file:
            super().__init__(file)
        self.add_fallback(Missing())

    def gettext(self, message: str) -> str:
        """Marked, if it is translated."""
        return marked(message) if super().gettext(message) else message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Marked, if it is translated."""
        text = msgid1 if n == 1 else msgid2
        return marked(text) if super().ngettext(msgid1, msgid2, n) else text


def speak() -> None:
    """Speak it, in this process."""
    language.choose("pt-BR")
    language._speaker.catalogue, language._speaker.comma, language._speaker.read = Marked(), True, True


def unmarked(text: str) -> list[str]:
    """The lines that have a Latin word which is no data, each with those words."""
    found = []
    for line in text.splitlines():
        words = re.findall(r"[A-Za-z]+", DATA.sub(" ", COMMANDS.sub(" ", line)))
        if words:
            found.append(f"{' '.join(words)} <- {line.strip()}")
    return found


def main() -> None:
    from udpmsg.cli import app

    speak()
    language.choose_from = lambda arguments: None  # whatever a command line asks for
    if len(sys.argv) > 1:
        app.main()
    for line in sys.stdin:
        sys.argv = ["udpmsg", *shlex.split(line)]
        app.run(sys.argv[1:])
        for stream in (sys.stdout, sys.stderr):
            stream.write("\0")
            stream.flush()


if __name__ == "__main__":
    main()
