"""What cancels a task where a story wants it cancelled."""

import asyncio
from collections.abc import Awaitable, Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class CancelledAt(Awaitable[T], Generic[T]):
    """Awaits a coroutine, and cancels its task where it waits for the `step`th time, from 1; `was` tells whether it did."""

    def __init__(self, step: int, coroutine: Coroutine[Any, Any, T]) -> None:
        self._step = step
        self._coroutine = coroutine
        self.was = False

    def __await__(self) -> Generator[Any, Any, T]:
        inner = self._coroutine.__await__()
        resume = inner.__next__
        step = 0
        while True:
            try:
                waits_for = resume()
            except StopIteration as end:
                result: T = end.value
                return result
            step += 1
            if step == self._step:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
                self.was = True
            try:
                yield waits_for
            except BaseException as error:  # the cancellation
                resume = lambda error=error: inner.throw(error)  # type: ignore[misc]  # noqa: E731
            else:
                resume = inner.__next__


async def cancelled(step: int, coroutine: Coroutine[Any, Any, T]) -> tuple[bool, T | None]:
    """Have a task of its own await this, cancelled at a step: whether it was, and what it returned if not."""
    cancelling = CancelledAt(step, coroutine)

    async def whole() -> T:
        return await cancelling

    task = asyncio.create_task(whole())
    await asyncio.wait([task])
    if task.cancelled():
        return True, None
    return cancelling.was, task.result()
