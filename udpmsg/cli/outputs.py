"""Files that a run writes: found writable before it begins, and replaced whole or not at all. `-` is standard output.

Owns how a file is tried and replaced, for every command that writes one. Does not know what is written.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from udpmsg.base.errors import N_, Phrase, UdpmsgError, UsageError

STANDARD = "-"
"""The name of standard output among files, and of standard input."""


class CannotWrite(UdpmsgError):
    """A file that could be written when the run began, and no longer."""


class Counted:
    """A file to write to that counts its bytes: a pipe can't say where it is."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = 0

    def write(self, content: bytes) -> None:
        """Write all of it."""
        self._file.write(content)
        self.size += len(content)


class Writable:
    """A file to be written later. `name` is what to call it, to a person."""

    def __init__(self, path: Path) -> None:
        """Try it. Raises UsageError where it can't be written: nothing has run yet, so another path costs nothing."""
        self.standard = str(path) == STANDARD
        self.name = Phrase("standard output") if self.standard else str(path)
        self.place = path
        """Where it is, whatever links lead there: a link stays, and what it points to is replaced."""
        self.special = self.standard
        """Whether it takes what is written as it comes, as a pipe or a device does, and is not replaced."""
        if self.standard:
            if sys.stdout is None:
                raise UsageError("standard output is closed; name a file")
            return
        try:
            self.place = Path(os.path.realpath(path))
            self.special = self.place.exists() and not self.place.is_file()
            if self.place.is_dir():
                raise IsADirectoryError(21, N_("it is a directory; name a file in it"))
            if self.place.exists() and not os.access(self.place, os.W_OK):
                raise PermissionError(13, N_("no permission to write to it"))
            if not self.special:
                beside = self._beside()
                with beside.open("xb"):
                    pass
                beside.unlink()
        except (OSError, ValueError) as error:
            reason = Phrase(getattr(error, "strerror", None) or str(error))
            raise UsageError("{}: cannot be written: {}", path, reason) from None

    def write(self, content: bytes) -> int:
        """Replace the file with this, and return its size. Raises CannotWrite, and leaves what was there."""
        with self.opened() as file:
            file.write(content)
        return file.size

    @contextmanager
    def opened(self) -> Iterator[Counted]:
        """A file to write to, which takes the place of the old one when the block ends well. Raises CannotWrite."""
        try:
            if self.standard:
                yield Counted(sys.stdout.buffer)
                sys.stdout.buffer.flush()
            elif self.special:
                with self.place.open("wb") as file:
                    yield Counted(file)
            else:
                with self._replacing() as file:
                    yield Counted(file)
        except OSError as error:
            raise CannotWrite("{}: cannot be written: {}", self.name, Phrase(error.strerror or str(error))) from None

    @contextmanager
    def _replacing(self) -> Iterator[BinaryIO]:
        beside = self._beside()
        try:
            with beside.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())  # a disk may find only now that it is full, or the machine may lose its power
            with suppress(OSError):
                beside.chmod(self.place.stat().st_mode & 0o7777)
            beside.replace(self.place)
        finally:
            beside.unlink(missing_ok=True)

    def _beside(self) -> Path:
        """A name that nobody has, in the same directory: only there can a file be replaced at one stroke."""
        return self.place.with_name(f".{self.place.name[:100]}.{os.urandom(6).hex()}")


def open_outputs(files: Mapping[str, Path | None], *, json: bool) -> dict[str, Writable]:
    """The files that options name, by option; None: not given. Raises UsageError, also where two would go to one place."""
    outputs = {option: Writable(path) for option, path in files.items() if path is not None}
    taken = {Path(STANDARD): "json"} if json else {}
    for option, output in outputs.items():
        if output.place in taken and (output.standard or not output.special):
            raise UsageError(
                "--{} and --{} would both be written to {}; name another file", taken[output.place], option, output.name
            )
        taken[output.place] = option
    return outputs
