"""Files that a run writes at its end: found writable before it begins, and replaced whole or not at all.

Owns how a file is tried and replaced. Does not know what is written.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from udpmsg.errors import N_, Phrase, UdpmsgError, UsageError


class CannotWrite(UdpmsgError):
    """A file that could be written when the run began, and no longer."""


class Writable:
    """A file to be written later. `path` is as the user named it."""

    def __init__(self, path: Path) -> None:
        """Try it. Raises UsageError where it can't be written: nothing has run yet, so another path costs nothing."""
        self.path = path
        try:
            self._place = Path(os.path.realpath(path))  # a link stays, and what it points to is replaced
            self._special = self._place.exists() and not self._place.is_file()
            if self._place.is_dir():
                raise IsADirectoryError(21, N_("it is a directory; name a file in it"))
            if self._place.exists() and not os.access(self._place, os.W_OK):
                raise PermissionError(13, N_("no permission to write to it"))
            if not self._special:
                beside = self._beside()
                with beside.open("xb"):
                    pass
                beside.unlink()
        except (OSError, ValueError) as error:
            reason = Phrase(getattr(error, "strerror", None) or str(error))
            raise UsageError("{}: cannot be written: {}", path, reason) from None

    def write(self, content: bytes) -> None:
        """Replace the file with this. Raises CannotWrite, and leaves what was there."""
        with self.opened() as file:
            file.write(content)

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """A file to write to, which takes the place of the old one when the block ends well. Raises CannotWrite."""
        beside = self._place if self._special else self._beside()
        try:
            with beside.open("wb" if self._special else "xb") as file:
                yield file
            if not self._special:
                with suppress(OSError):
                    beside.chmod(self._place.stat().st_mode & 0o7777)
                beside.replace(self._place)
        except OSError as error:
            raise CannotWrite("{}: cannot be written: {}", self.path, Phrase(error.strerror or str(error))) from None
        finally:
            if not self._special:
                beside.unlink(missing_ok=True)

    def _beside(self) -> Path:
        """A name that nobody has, in the same directory: only there can a file be replaced at one stroke."""
        return self._place.with_name(f".{self._place.name[:100]}.{os.urandom(6).hex()}")
