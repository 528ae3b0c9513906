"""What is closed at the end of a `with` statement. Owns no resource: each class says itself what closing means."""

from types import TracebackType
from typing import Self


class Closing:
    """A context manager that is itself, and closes itself."""

    __slots__ = ()

    def close(self) -> None:
        """Free what it holds."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
