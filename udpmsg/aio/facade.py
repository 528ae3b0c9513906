"""What the sender and the receiver for asyncio share: how one is opened, iterated over, and asked by one task at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from udpmsg.base.errors import UsageError

P = ParamSpec("P")
T = TypeVar("T")


def takes_arguments_of(blocking: Callable[P, object]) -> Callable[[Callable[..., None]], Callable[Concatenate[Any, P], None]]:
    """A constructor whose arguments are those of `blocking`, for type checkers and for `help`."""

    def decorate(constructor: Callable[..., None]) -> Callable[Concatenate[Any, P], None]:
        constructor.__wrapped__ = blocking.__init__  # type: ignore[attr-defined]  # what inspect.signature looks for
        return constructor

    return decorate


async def open_in_thread(opening: Callable[[], T], discard: Callable[[T], None]) -> T:
    """What `opening` returns, which runs in a thread: to look a name up and to connect takes time. Cancelled, it is discarded as
    soon as it is there."""
    future = asyncio.get_running_loop().run_in_executor(None, opening)

    def discard_result(done: "asyncio.Future[T]") -> None:
        if not done.cancelled() and done.exception() is None:
            discard(done.result())

    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        future.add_done_callback(discard_result)
        raise


class Each(Generic[T]):
    """What `async for` goes through: what `following` returns, until that is None. It can be left, and gone on with."""

    def __init__(self, following: Callable[[], Awaitable[T | None]]) -> None:
        self._following = following

    def __aiter__(self) -> "Each[T]":
        """Itself."""
        return self

    async def __anext__(self) -> T:
        """The next one."""
        item = await self._following()
        if item is None:
            raise StopAsyncIteration
        return item


class OneAtATime:
    """A `with` block that one task at a time is in. Raises UsageError, with this `sentence`, for a second one."""

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence
        self._taken = False

    def __enter__(self) -> None:
        """Begin."""
        if self._taken:
            raise UsageError(self._sentence)
        self._taken = True

    def __exit__(self, *error: object) -> None:
        """Let the next one begin."""
        self._taken = False
