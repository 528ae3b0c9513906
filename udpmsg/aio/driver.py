"""Waiting in an event loop: for descriptors, for what is due, and for tasks that want to know. Owns what the loop was asked to
watch for one sender or receiver, and the tasks that wait for it. Knows no message.
"""

import asyncio
from collections.abc import Generator
from typing import Protocol, TypeVar

from udpmsg.aio.waiting_thread import WaitingThread
from udpmsg.base import clock
from udpmsg.base.durations import MILLISECOND, SECOND
from udpmsg.sockets.waiting import Waiter

T = TypeVar("T")

SHARE = 1 * MILLISECOND
"""How long a task may go on without a wait before the others have their turn: the loop's own round takes about a hundredth."""


class Driven(Protocol):
    """A blocking sender or receiver, as far as an event loop drives it."""

    @property
    def waiter(self) -> Waiter:
        """What it would wait with."""

    def next_timeout(self) -> int | None:
        """When `work` is due even if nothing comes, in nanoseconds."""

    def work(self) -> None:
        """Take what has come, and do what is due."""


class Driver:
    """Has `driven` work in the running loop whenever there is something to do: `always`, or only while a task waits for it."""

    def __init__(self, driven: Driven, *, always: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._driven = driven
        self._always = always
        self._waiting: set[asyncio.Future[bool]] = set()
        """One for each task that waits. True: work was done; False: its time is over."""
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0
        """When the timer is due, in nanoseconds."""
        self._error: Exception | None = None
        """What work ended with while no task was there to be told."""
        self._watching = self._stopped = False
        self._busy_since: int | None = None
        self._descriptor = driven.waiter.fileno()
        self._thread: WaitingThread | None = None
        if self._descriptor is not None:
            try:
                self._loop.add_reader(self._descriptor, self._on_ready)
                self._watching = True
            except NotImplementedError:
                self._descriptor = None
        if self._descriptor is None:
            self._thread = WaitingThread(self._loop, self._on_ready)
        self.arm()

    def arm(self) -> None:
        """To be called after every change: what was watched for may be another thing now, and something may be due earlier."""
        if self._stopped or self._error is not None or not (self._always or self._waiting):
            return
        if self._thread is not None:
            self._thread.watch(*self._driven.waiter.watched())
        elif not self._watching and self._descriptor is not None:
            self._loop.add_reader(self._descriptor, self._on_ready)
        self._watching = True
        due = self._driven.next_timeout()
        if due is None or (self._timer is not None and self._due <= due):
            return  # a timer that has become too early finds nothing to do, and is set anew
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        self._timer = self._loop.call_later(seconds_until(due), self._on_time)

    async def changed(self, until: int | None = None) -> None:
        """Wait until work was done, or until a point in time (nanoseconds, None: for ever). Raises what the work raised."""
        self.raise_error()
        future: asyncio.Future[bool] = self._loop.create_future()
        self._waiting.add(future)
        timer = None if until is None else self._loop.call_later(seconds_until(until), release, future, False)
        worked = False
        try:
            self.arm()
            worked = await future
        finally:
            self._waiting.discard(future)
            if timer is not None:
                timer.cancel()
            if not worked:  # its time is over, or it was cancelled: what has come until now counts
                self._work()
        self.raise_error()

    async def follow(self, steps: Generator[int | None, None, T]) -> T:
        """Go through the steps of what would wait, and wait between them. Given up, the steps are closed."""
        try:
            while True:
                self.rest()  # a step may close what is watched
                try:
                    until = next(steps)
                except StopIteration as end:
                    result: T = end.value
                    return result
                await self.changed(until)
        finally:
            self.rest()
            steps.close()

    def raise_error(self) -> None:
        """What went wrong while no task was there to be told is raised, once; after that, work goes on."""
        if self._error is not None:
            error, self._error = self._error, None
            self.arm()
            raise error

    async def let_others_go_on(self) -> None:
        """To be called before anything is taken or sent: a task that has kept the loop for long waits for a round of it.

        Raises what went wrong while no task was there to be told."""
        self.raise_error()
        now = clock.now()
        if self._busy_since is None:
            self._busy_since = now
            self._loop.call_soon(self._on_round)
        elif now - self._busy_since > SHARE:
            await asyncio.sleep(0)

    def wake(self) -> None:
        """Wake `driven`, in the loop's thread: no task is there between its look and its wait. Safe from any thread."""
        try:
            self._loop.call_soon_threadsafe(self._driven.waiter.wake)
        except RuntimeError:
            pass  # the loop is closed, and no task waits

    def rest(self) -> None:
        """Watch nothing until `arm`."""
        if self._watching:
            self._watching = False
            if self._thread is not None:
                self._thread.watch([], [])
            elif self._descriptor is not None:
                self._loop.remove_reader(self._descriptor)

    def stop(self) -> None:
        """Watch nothing any more, and let all tasks go."""
        self.rest()
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        if self._thread is not None:
            self._thread.stop()
        self._release_all()

    # Helpers -------------------------------------------------------------------------------------------------------------

    def _on_ready(self) -> None:
        """The loop's call: something has come, or can be written."""
        if self._always or self._waiting:
            self._work()
        else:
            self.rest()

    def _on_time(self) -> None:
        """The loop's call: something is due."""
        self._timer = None
        if self._always or self._waiting:
            self._work()

    def _on_round(self) -> None:
        """The loop's call: it goes on."""
        self._busy_since = None

    def _work(self) -> None:
        if self._stopped or self._error is not None:
            return
        try:
            self._driven.work()
        except Exception as error:  # a disk that is full, say: a task is told, this one or the next that asks
            self._error = error
            self.rest()
        self.arm()
        self._release_all()

    def _release_all(self) -> None:
        for future in self._waiting:
            release(future, True)


def release(future: "asyncio.Future[bool]", worked: bool) -> None:
    """Let a task go on, if it still waits."""
    if not future.done():
        future.set_result(worked)


def seconds_until(time: int) -> float:
    """From now; 0 if it is over."""
    return max(0, time - clock.now()) / SECOND
