"""`listen --save`: each message to a file of its own.

Owns the files' names: a counter that goes on where an earlier run stopped, the session's id and the sequence number, as in
`000007-5f0c2b7a91d3e846-000003.msg`. No text of a peer's is ever part of a name, and no file that exists is opened. Does not
know sockets.
"""

import os
from pathlib import Path

from udpmsg.core.events import Message
from udpmsg.errors import N_, Phrase, UdpmsgError, UsageError
from udpmsg.report.terminal import counted, peer_name

END_OF_LISTENING = N_("It came, and is not on the disk; the listener ends here, so that nothing more is taken and lost")


class CannotSave(UdpmsgError):
    """A message that came, and could not be kept."""


class Saver:
    """Writes messages into one directory, which is made if it is not there."""

    def __init__(self, directory: Path, advice: str = END_OF_LISTENING) -> None:
        """`advice`: what a message that can't be written means, in a sentence. Raises UsageError."""
        self.directory = directory
        self._advice = advice
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise UsageError("--save {}: that is a file, and a directory is needed", directory) from None
        except OSError as error:
            reason = Phrase(error.strerror or str(error))
            raise UsageError("--save {}: cannot make the directory: {}", directory, reason) from None
        if not os.access(directory, os.W_OK | os.X_OK):
            raise UsageError("--save {}: no permission to write there; choose another directory", directory)
        numbers = [name.partition("-")[0] for name in os.listdir(directory) if name.endswith(".msg")]
        self._counter = max((int(number) for number in numbers if number.isascii() and number.isdigit()), default=0)

    def save(self, message: Message) -> str:
        """Write the payload, byte for byte, and return the file's name; raise CannotSave and leave no partial file."""
        self._counter += 1
        origin = "raw" if message.session is None else f"{message.session:016x}-{message.sequence:06d}"
        stem = f"{self._counter:06d}-{origin}"
        for attempt in range(1000):
            path = self.directory / f"{stem}{f'-{attempt}' if attempt else ''}.msg"
            try:
                with path.open("xb") as file:  # "x": exclusively, never through a link that lies there already
                    try:
                        file.write(message.payload)
                        file.flush()
                    except OSError:
                        path.unlink(missing_ok=True)
                        raise
                return path.name
            except FileExistsError:
                continue
            except OSError as error:
                raise self._cannot_save(message, path, Phrase(error.strerror or str(error))) from None
        raise self._cannot_save(message, self.directory / f"{stem}.msg", Phrase("that file and its like exist"))

    def _cannot_save(self, message: Message, path: Path, reason: Phrase) -> CannotSave:
        return CannotSave(
            "not written: {} from {} ({}): {}: {}. {}",
            Phrase("a raw message") if message.sequence is None else Phrase("message #{}", message.sequence),
            peer_name(message.peer),
            counted(len(message.payload), "byte"),
            path,
            reason,
            Phrase(self._advice),
        )
