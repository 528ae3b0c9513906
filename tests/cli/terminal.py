"""Commands in a pseudo-terminal: typed at and read as a person would."""

import errno
import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Sequence

import pyte

from tests.cli.conftest import COMMAND, PATIENCE

COLUMNS, ROWS = 80, 24
"""What a terminal that tells no size is taken for."""


class Terminal:
    """A command in a pseudo-terminal, typed at and read like a person would."""

    def __init__(self, *arguments: str, program: list[str] = COMMAND) -> None:
        self._main, side = pty.openpty()
        self.process = subprocess.Popen(
            [*program, *arguments],
            stdin=side,
            stdout=side,
            stderr=side,
            env=os.environ | {"TERM": "xterm", "LANG": "C.UTF-8"},
            start_new_session=True,
        )
        os.close(side)
        self._came = b""
        self.screen = ""
        """What came, without colours and what moves the cursor."""
        self._seen = 0
        self._glass = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._glass)

    @property
    def rows(self) -> list[str]:
        """What a person sees: the rows down to that of the cursor."""
        return [row.rstrip() for row in self._glass.display[: self._glass.cursor.y + 1]]

    def expect_rows(self, *ends: str) -> None:
        """Wait until the last rows that a person sees end so, and the cursor stands behind the last of them."""
        until = time.monotonic() + PATIENCE
        while not self._seen_at_last(ends):
            ready, _, _ = select.select([self._main], [], [], max(0, until - time.monotonic()))
            assert ready, f"{ends} are not seen: {self.rows}, and the cursor at {self._glass.cursor.x}"
            assert self._read(), f"the command ended without {ends}: {self.rows}"

    def _seen_at_last(self, ends: Sequence[str]) -> bool:
        rows, last = self.rows[-len(ends) :], ends[-1]
        behind = len(rows[-1]) + len(last) - len(last.rstrip())
        alike = len(rows) == len(ends) and all(row.endswith(end.rstrip()) for row, end in zip(rows, ends, strict=True))
        return alike and self._glass.cursor.x == behind

    def expect(self, text: str) -> None:
        """Wait until this comes, after what was expected before."""
        until = time.monotonic() + PATIENCE
        while text not in self.screen[self._seen :]:
            ready, _, _ = select.select([self._main], [], [], max(0, until - time.monotonic()))
            assert ready, f"{text!r} did not come: {self.screen!r}"
            assert self._read(), f"the command ended without {text!r}: {self.screen!r}"
        self._seen = self.screen.index(text, self._seen) + len(text)

    def type(self, line: str) -> None:
        self.press(line + "\r")

    def press(self, keys: str) -> None:
        os.write(self._main, keys.encode())

    def wait(self) -> int:
        """The exit code, once everything on the screen was read."""
        while self._read():
            pass
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._main)

    def _read(self) -> bool:
        try:
            data = os.read(self._main, 65536)
        except OSError as error:  # Linux's way of telling the end
            if error.errno != errno.EIO:
                raise
            data = b""
        self._stream.feed(data)
        self._came += data
        self.screen = re.sub(r"\x1b(\[[0-9;]*[A-Za-z]|[78D])", "", self._came.decode("utf-8", "replace"))
        return bool(data)
