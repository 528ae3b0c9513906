"""The errors that udpmsg raises for a caller's mistake or a failing system.

What a *peer* does wrong never raises: it becomes an event and a count (`udpmsg.core.events.Malformed`). Every error here
carries a sentence that names the value and says what to do next, so a command line can print it as it is.
"""

TYPE_CHECKING = False  # typing's own constant costs its import
if TYPE_CHECKING:
    from collections.abc import Callable


def as_it_is(value: object) -> object:
    """A value of a sentence, unchanged."""
    return value


class Phrase(str):
    """Something that the library says to people, in English, such as the reason in an event.

    It remembers the sentence, and apart from it the values for its places, so that a command line can tell it in the user's
    language (`base.language.told`). The sentence stands where the phrase is made, as in `Phrase("{} were lost", count)`: the
    catalogues take it from there. Of the values, those that are phrases or errors themselves are translated.
    """

    sentence: str
    values: tuple[object, ...]

    def __new__(cls, sentence: str, *values: object) -> "Phrase":
        """The sentence with its values."""
        phrase = super().__new__(cls, sentence.format(*values) if values else sentence)
        phrase.sentence, phrase.values = sentence, values
        return phrase

    def told(self, translated: "Callable[[str], str]", shown: "Callable[[object], object]" = as_it_is) -> str:
        """In the language of this look-up, as `base.language._` is one; `shown` makes of a value what stands in its place."""

        def told(value: object) -> object:
            return value.told(translated, shown) if isinstance(value, Phrase | UdpmsgError) else shown(value)

        sentence = translated(self.sentence)
        return sentence.format(*map(told, self.values)) if self.values else sentence


class UdpmsgError(Exception):
    """The base of every error that udpmsg raises on purpose: a sentence, and apart from it the values for its places.

    `str` of it is English, and a Phrase; a command line tells it in the user's language. The sentence stands where it is raised,
    as in `raise UsageError("{!r} is not a count", text)`.
    """

    def __init__(self, sentence: str, *values: object) -> None:
        super().__init__(sentence, *values)

    def __str__(self) -> str:
        """In English."""
        return Phrase(*self.args)

    def told(self, translated: "Callable[[str], str]", shown: "Callable[[object], object]" = as_it_is) -> str:
        """In the language of this look-up, as a Phrase is."""
        return Phrase(*self.args).told(translated, shown)


class UsageError(UdpmsgError):
    """Options or arguments that make no sense, alone or together."""


def N_(text: str) -> str:  # noqa: N802 - its name for everyone who translates programs
    """Marks a constant for the catalogues, and is the text itself."""
    return text


TOO_LARGE = N_("the message has {} bytes and the limit is {}; nothing was sent: {}")


class MessageTooLarge(UdpmsgError):
    """A payload above the limit. Nothing of it was sent; `size` and `limit` are in bytes."""

    def __init__(self, size: int, limit: int, advice: str) -> None:
        super().__init__(TOO_LARGE, size, limit, advice if isinstance(advice, Phrase) else Phrase(advice))
        self.size = size
        self.limit = limit
        self.advice = advice

    def __reduce__(self) -> tuple[type, tuple[int, int, str]]:
        """Unpickled from what it was made from."""
        return MessageTooLarge, (self.size, self.limit, self.advice)


class NameUnknown(UdpmsgError):
    """A host name that does not resolve."""


class CannotListen(UdpmsgError):
    """The address or port cannot be bound: in use, forbidden, or not of this machine."""


class CannotConnect(UdpmsgError):
    """TCP only: nobody accepts there, or nothing answered in time. UDP cannot know, and does not raise this."""


class CannotStore(UdpmsgError):
    """A file that messages are kept in, a store or a spool, cannot be read or written: the disk is full or fails, or another
    program has it."""


class MalformedDatagram(UdpmsgError):
    """Bytes that are not a message of wire format 1. Raised by the codec alone; the state machines turn it into an event."""
