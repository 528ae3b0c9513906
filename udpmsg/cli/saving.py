"""`--save`: each message to a file of its own.

Owns the files' names: a counter that goes on where an earlier run stopped, the session's id and the sequence number, then what
the sender calls the message, made safe: `000007-5f0c2b7a91d3e846-000003-letter.txt`; where it is not called anything,
`000007-5f0c2b7a91d3e846-000003.msg`. No file that exists is opened. What has such a name is whole: it was written under another
one, which begins with a dot, and was on the disk before it got its own. Does not know sockets.
"""

import contextlib
import errno
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from udpmsg.base.closing import Closing
from udpmsg.base.errors import N_, Phrase, UdpmsgError, UsageError
from udpmsg.core.events import Message
from udpmsg.messaging.payload import ending
from udpmsg.show.terminal import counted, peer_name

END_OF_LISTENING = N_("It came, and is not on the disk; the listener ends here, so that nothing more is taken and lost")
UNFINISHED = re.compile(r"\.[0-9a-f]{16}-\d+\.part")
"""What a file is called until it is whole: a name of the run that writes it, and a number."""
NAMED = re.compile(r"(\d{6,})-(raw|[0-9a-f]{16}-\d{6,})[-.].*", re.DOTALL)
"""What it is called then: its first part is the counter."""
SAFE_CATEGORIES = "LMN"
"""Letters, marks and numbers, by the first letter of their Unicode category. A name has those, dots, hyphens and underscores."""
NAMES_TRIED = 1000
TAKEN = N_("too many files of that name exist")

Item = TypeVar("Item")
Result = TypeVar("Result")


class CannotSave(UdpmsgError):
    """A message that came, and could not be kept."""


class Saver(Closing):
    """Writes messages into one directory, which is made if it is not there. Use it as a context manager, or close it."""

    def __init__(self, directory: Path, advice: str = END_OF_LISTENING, *, durable: bool = True) -> None:
        """`advice`: what a message that can't be written means, in a sentence. `durable`: what is saved is on the disk;
        otherwise, for a caller that has the messages elsewhere too, it may still be on its way there. Raises UsageError.
        """
        self.directory = directory
        self._advice = advice
        self._durable = durable
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise UsageError("--save {}: that is a file, and a directory is needed", directory) from None
        except OSError as error:
            reason = Phrase(error.strerror or str(error))
            raise UsageError("--save {}: cannot make the directory: {}", directory, reason) from None
        if not os.access(directory, os.W_OK | os.X_OK):
            raise UsageError("--save {}: no permission to write there; choose another directory", directory)
        self._descriptor = claim(directory)
        self._counter = max((int(found[1]) for found in map(NAMED.fullmatch, os.listdir(directory)) if found), default=0)
        self._stem = f".{os.urandom(8).hex()}"
        self._written = 0

    def save(self, message: Message) -> str:
        """Write the payload, byte for byte, and return the file's name; raise CannotSave and leave no partial file."""
        names, failure = self.save_all([message])
        if failure is not None:
            raise failure
        return names[0]

    def save_all(self, messages: Sequence[Message]) -> tuple[list[str], CannotSave | None]:
        """The same for several, which wait for the disk together. Returns the names of those that are saved, from the first one
        on, and why the next one is not.
        """
        unfinished = [self._unfinished_path() for _ in messages]
        try:
            written, not_written = as_far_as_possible(write, zip(unfinished, messages, strict=True))
            there, not_there = as_far_as_possible(synchronise, written) if self._durable else (written, None)
            names, not_named = as_far_as_possible(self._give_name, zip(there, messages, strict=False))
            error = not_named or not_there or not_written
            if self._durable and names and self._descriptor is not None:
                try:
                    os.fsync(self._descriptor)
                except OSError as not_listed:
                    names, error = [], not_listed
        finally:
            for path in unfinished:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
        return names, None if error is None else self._cannot_save(messages[len(names)], error)

    def close(self) -> None:
        """Nothing more is saved."""
        if self._descriptor is not None:
            os.close(self._descriptor)

    def _unfinished_path(self) -> Path:
        self._written += 1
        return self.directory / f"{self._stem}-{self._written}.part"

    def _give_name(self, unfinished: tuple[Path, Message]) -> str:
        """Let it have a name that nothing has. Raises OSError."""
        path, message = unfinished
        self._counter += 1
        stem, called = self._name(message), safe(message.title or "")
        end = f"-{called}" if called else ".msg"
        for attempt in range(NAMES_TRIED):
            name = f"{stem}{f'-{attempt}' if attempt else ''}{end}"
            with contextlib.suppress(FileExistsError):
                name_exclusively(path, self.directory / name)
                return name
        raise FileExistsError(errno.EEXIST, TAKEN)

    def _name(self, message: Message) -> str:
        origin = "raw" if message.session is None else f"{message.session:016x}-{message.sequence:06d}"
        return f"{self._counter:06d}-{origin}"

    def _cannot_save(self, message: Message, error: OSError) -> CannotSave:
        return CannotSave(
            "not written: {} from {} ({}): {}: {}. {}",
            Phrase("a raw message") if message.sequence is None else Phrase("message #{}", message.sequence),
            peer_name(message.peer),
            counted(len(message.payload), "byte"),
            self.directory,
            Phrase(error.strerror or str(error)),
            Phrase(self._advice),
        )


def safe(title: str) -> str:
    """A peer's title as the end of a file's name: nothing of a path, no sign that means something to a shell or a system."""
    text = unicodedata.normalize("NFC", title.replace("\\", "/").rpartition("/")[2])
    kept = "".join(sign if sign in "._-" or unicodedata.category(sign)[0] in SAFE_CATEGORIES else "_" for sign in text)
    return ending(kept).strip("._-")


def as_far_as_possible(step: Callable[[Item], Result], given: Iterable[Item]) -> tuple[list[Result], OSError | None]:
    """What a step makes of each, up to the first at which it fails; and that failure."""
    made: list[Result] = []
    for each in given:
        try:
            made.append(step(each))
        except OSError as error:
            return made, error
    return made, None


def write(unfinished: tuple[Path, Message]) -> Path:
    """Make the file, and return its path. Raises OSError."""
    path, message = unfinished
    with path.open("xb") as file:  # "x": exclusively, never through a link that lies there already
        file.write(message.payload)
    return path


def synchronise(path: Path) -> Path:
    """Wait until the disk has the file; it is opened once more, so that one at a time is open. Raises OSError."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())
    return path


def name_exclusively(path: Path, name: Path) -> None:
    """Give a file a second name, or where the system has no such thing another one. Raises FileExistsError, OSError."""
    try:
        os.link(path, name)
    except FileExistsError:
        raise
    except OSError:
        if os.path.lexists(name):
            raise FileExistsError from None
        path.rename(name)


def claim(directory: Path) -> int | None:
    """Open the directory and say, by a lock, that somebody saves there. The first one removes what killed runs have left.

    None where a system does not open directories: there it stays.
    """
    if sys.platform == "win32":
        return None
    import fcntl

    descriptor = os.open(directory, os.O_RDONLY)
    with contextlib.suppress(OSError):  # file systems without locks; and others that save there
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for name in filter(UNFINISHED.fullmatch, os.listdir(directory)):
                (directory / name).unlink(missing_ok=True)
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor
