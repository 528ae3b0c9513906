"""The language in which people are told things. English is what the sources say; other languages are catalogues in `locale/`.

Owns which language is spoken, and the look-up. Knows no sentence. Programs are told the same in every language: JSON keys, option
names and exit codes never change. A catalogue is read when the first sentence is asked for, and for English never.

    from udpmsg.base.language import N_, _

    _("nobody listens")                                a sentence, translated now
    _("{} is refused").format(port)                    with something in it: never an f-string, which no catalogue can have
    plural("{} message", "{} messages", n).format(n)
    TITLE = N_("Sending to nobody")                    a constant: marked here, translated where it is shown, by _(TITLE)
    told(outcome.reason)                               what the library said in English
"""

import os
import sys

from udpmsg.base.errors import N_ as N_
from udpmsg.base.errors import Phrase, UdpmsgError, UsageError

TYPE_CHECKING = False  # typing's own constant costs its import
if TYPE_CHECKING:
    from gettext import GNUTranslations

ENGLISH = "en"
CATALOGUES = {"pt-BR": "pt_BR"}
"""Every language besides English: what users call it, and its folder in `locale/`."""
LANGUAGES = (ENGLISH, *CATALOGUES)
DECIMAL_COMMA = frozenset({"pt-BR"})
"""Languages that write 1.234,5 where English has 1,234.5."""
SYSTEM = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
"""The variables that tell a system's language, the first one that is set (POSIX; LANGUAGE, a list, is GNU's)."""
SWAPPED = str.maketrans(",.", ".,")


class Speaker:
    """What this program speaks: one language, so that not every function need be told which."""

    chosen: str | None = None
    """None: that of the user's settings."""
    read = False
    """Whether `catalogue` was looked for."""
    catalogue: "GNUTranslations | None" = None
    """None: English."""
    comma = False
    """Whether it writes 1.234,5: its catalogue is there, and it is one of DECIMAL_COMMA."""


_speaker = Speaker()


def _(text: str) -> str:
    """The text in the language that is spoken; itself where the catalogue has none for it."""
    catalogue = _speaker.catalogue if _speaker.read else _load()
    return text if catalogue is None or not text else catalogue.gettext(text)


def said(word: str) -> str:
    """A word whose translation depends on what it is said of, which stands before a bar and is not shown: message|lost."""
    return _(word).rpartition("|")[2]


def told(words: "str | UdpmsgError") -> str:
    """What the library said in English, an error or the reason in an event, in the language that is spoken."""
    return _(words) if isinstance(words, str) and not isinstance(words, Phrase) else words.told(_, Shown)


def plural(one: str, many: str, number: int) -> str:
    """The text for this number of things."""
    catalogue = _speaker.catalogue if _speaker.read else _load()
    if catalogue is None:
        return one if number == 1 else many
    return catalogue.ngettext(one, many, number)


def N_plural(one: str, many: str) -> tuple[str, str]:  # noqa: N802 - after N_
    """Marks what `plural` will be given, and is both."""
    return one, many


def number(value: float, form: str = ",") -> str:
    """A number with the separators of the language; `form` is Python's, as in ",.1f"."""
    return separated(format(value, form))


def separated(text: str) -> str:
    """A number that is written in English, perhaps with its unit, with the separators of the language."""
    if not _speaker.read:
        _load()
    return text.translate(SWAPPED) if _speaker.comma else text


class Shown:
    """A value of a sentence as `format` finds it: a number has the separators of the language."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __format__(self, form: str) -> str:
        return number(self._value, form) if isinstance(self._value, int | float) else format(self._value, form)

    def __repr__(self) -> str:
        return repr(self._value)

    def __str__(self) -> str:
        return str(self._value)


def spoken() -> str:
    """The language in which people are told things now: what was chosen, else the user's setting, else the system's."""
    if _speaker.chosen is not None:
        return _speaker.chosen
    asked = os.environ.get("UDPMSG_LANG")
    return (known(asked) if asked else None) or of_system()


def choose(language: str | None) -> None:
    """Speak this language from now on, one of LANGUAGES; None: that of the user's settings."""
    _speaker.chosen, _speaker.catalogue, _speaker.comma, _speaker.read = language, None, False, False


def choose_from(arguments: list[str]) -> None:
    """Speak the language that a command line asks for by --lang, before anything that speaks is imported.

    What is wrong about it is left to the option itself, which says so.
    """
    for place, word in enumerate(arguments):
        if word == "--":
            return
        if word == "--lang" or word.startswith("--lang="):
            value = word[len("--lang=") :] or "".join(arguments[place + 1 : place + 2])
            choose(known(value))
            return


def parse(text: str) -> str:
    """A language as users write it: pt, pt-BR, pt_BR.UTF-8, en. Raises UsageError."""
    language = known(text)
    if language is None:
        raise UsageError("{!r} is not a language that is spoken here; choose from {}", text, ", ".join(LANGUAGES))
    return language


def known(text: str) -> str | None:
    """The language of ours that a name means; None for any other. Somebody who reads European Portuguese gets Brazilian."""
    name = text.partition(".")[0].partition("@")[0].strip().replace("_", "-").lower()
    if name in ("c", "posix"):
        return ENGLISH
    first = name.partition("-")[0]
    return next((language for language in LANGUAGES if language.partition("-")[0].lower() == first), None)


def of_system() -> str:
    """The system's language, English where it is none of ours."""
    for variable in SYSTEM:
        value = os.environ.get(variable)
        if value:
            if variable == "LANGUAGE":
                found = [language for language in map(known, value.split(":")) if language]
                if not found:
                    continue
                return found[0]
            return known(value) or ENGLISH
    return (known(_of_windows()) if sys.platform == "win32" else None) or ENGLISH


def _of_windows() -> str:
    """The language of Windows' own windows, as in pt_BR."""
    if sys.platform != "win32":
        return ""
    import ctypes
    import locale

    return locale.windows_locale.get(ctypes.windll.kernel32.GetUserDefaultUILanguage(), "")


def _load() -> "GNUTranslations | None":
    """The catalogue of the language that is spoken, read once."""
    language = spoken()
    folder = CATALOGUES.get(language)
    if folder is not None:
        from gettext import GNUTranslations

        path = os.path.join(os.path.dirname(__file__), "locale", folder, "LC_MESSAGES", "udpmsg.mo")
        try:
            with open(path, "rb") as file:
                _speaker.catalogue = GNUTranslations(file)
            _speaker.comma = language in DECIMAL_COMMA
        except OSError:
            pass  # an installation without catalogues speaks English
    _speaker.read = True
    return _speaker.catalogue
