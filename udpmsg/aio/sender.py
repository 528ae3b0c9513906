"""Sending messages in an event loop. Owns how tasks share one sender, and what a cancelled one leaves behind; everything else is
`udpmsg.messaging.sender`, which is driven here and never waits.
"""

import asyncio
from collections.abc import Iterable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

from udpmsg.aio.driver import Driver
from udpmsg.aio.facade import Each, OneAtATime, open_in_thread, takes_arguments_of
from udpmsg.base.errors import N_, UsageError
from udpmsg.core.events import Event, Message, Outcome
from udpmsg.messaging.payload import Payload
from udpmsg.messaging.sender import Sender as BlockingSender
from udpmsg.messaging.statistics import SenderStatistics, SessionReport
from udpmsg.sockets.endpoint import Endpoint
from udpmsg.sockets.known_path import KnownPath
from udpmsg.sockets.waiting import after, passed

if TYPE_CHECKING:
    from udpmsg.messaging.spool import Spool


class Sender:
    """`udpmsg.Sender` for asyncio. What is lost is sent again, and outcomes are taken, while the program does other things.

    Use it in `async with`: leaving it waits for all outcomes and says goodbye. Any number of tasks may send; what comes back is
    for one task at a time. Belongs to the loop in which it was opened.
    """

    @takes_arguments_of(BlockingSender)
    def __init__(self, *arguments: Any, **options: Any) -> None:
        """As `udpmsg.Sender`. Nothing is opened yet, and nothing checked: `open` does that."""
        self._opening = partial(BlockingSender, *arguments, **options)
        self._blocking: BlockingSender | None = None
        self._is_closing = False
        self._in_turn = asyncio.Lock()
        """One task sends at a time: messages of one `send_many` stand together, and the task that waited first sends first."""
        self._opens = OneAtATime(N_("this sender was opened before: make another one"))
        self._takes = OneAtATime(
            N_(
                "another task waits for what this sender has to tell, and a task that asks is done with the replies before: "
                "let one task ask"
            )
        )
        self._asks = OneAtATime(N_("another task asks already, and a sender has one question at a time: await that first"))

    async def open(self) -> "Sender":
        """Open the socket, in a thread: a name is looked up, and over TCP a connection made. `async with` does this.

        Raises what `udpmsg.Sender` does. Cancelled, it is closed again as soon as it is open."""
        self._opens.__enter__()  # for good
        self._blocking = await open_in_thread(self._opening, close_at_once)
        self._blocking.waits = False
        self._driver = Driver(self._blocking, always=True)
        return self

    # Properties that are known at once -----------------------------------------------------------------------------------

    @property
    def endpoint(self) -> Endpoint:
        """Where messages go: see `udpmsg.Sender.endpoint`."""
        return self._sender.endpoint

    @property
    def raw(self) -> bool:
        """Whether payloads are sent as they are."""
        return self._sender.raw

    @property
    def acknowledged(self) -> bool:
        """Whether each message has an outcome."""
        return self._sender.acknowledged

    @property
    def one_to_many(self) -> bool:
        """Whether several receivers may get each message."""
        return self._sender.one_to_many

    @property
    def congestion(self) -> str | None:
        """The congestion control that a TCP connection has."""
        return self._sender.congestion

    @property
    def offload(self) -> bool | None:
        """Whether runs of datagrams leave in one call."""
        return self._sender.offload

    @property
    def blocked(self) -> bool:
        """Whether the kernel has not taken everything yet; it gets the rest when it does."""
        return self._sender.blocked

    @property
    def refused(self) -> bool:
        """Whether messages were ended by nothing but refusals, for `refused_for` seconds."""
        return self._sender.refused

    @property
    def unresolved(self) -> int:
        """Acknowledged messages that have not ended."""
        return self._sender.unresolved

    @property
    def spool(self) -> "Spool | None":
        """The file that keeps the messages; None if there is none."""
        return self._sender.spool

    @property
    def closed(self) -> bool:
        """Whether it was closed, or is being closed."""
        return self._is_closing

    def check(self, size: int) -> None:
        """Raise MessageTooLarge unless a message of so many bytes can be sent."""
        self._sender.check(size)

    def statistics(self) -> SenderStatistics:
        """What was counted so far."""
        return self._sender.statistics()

    def path(self) -> KnownPath | None:
        """What is known of the path now: see `udpmsg.Sender.path`."""
        return self._sender.path()

    def wake(self) -> None:
        """End a `poll`, `send_many`, `flush` or iteration that is under way, or the next one. Safe from any thread and any signal
        handler."""
        if self._blocking is not None:
            self._driver.wake()

    # What may wait -------------------------------------------------------------------------------------------------------

    async def send(self, payload: Payload, *, title: str | None = None) -> int:
        """Send one message, as `udpmsg.Sender.send`, as soon as there is room; return its sequence number, from 1.

        The kernel may still be about to take it: `flush` waits for that. Cancelled, the message was not sent."""
        async with self._in_turn:
            await self._room()
            number = self._sender.send(payload, title=title)
        self._driver.arm()
        return number

    async def send_many(self, payloads: Iterable[Payload], *, title: str | None = None) -> range:
        """Send messages as they come from the iterable, as `udpmsg.Sender.send_many`; return their sequence numbers.

        Other tasks that send wait until these are sent. Cancelled, what was taken from the iterable was sent, and nothing else:
        the same iterator, given to the next `send_many`, goes on."""
        first, last = 0, 0
        async with self._in_turn:
            steps = self._sender.sending(payloads, title=title)
            while True:
                await self._room()
                numbers = next(steps, None)
                self._driver.arm()
                if numbers is None:
                    break
                first, last = first or numbers[0], numbers[-1]
                if self._sender.waiter.take_woken():
                    break
        return range(first, last + 1) if first else range(0)

    async def flush(self) -> None:
        """Wait until the kernel has taken everything and each acknowledged message has ended, or until `wake`. What there is to
        tell is for a later `poll` or `outcomes`."""
        while (self._sender.unresolved or self._sender.blocked) and not self._is_closing:
            if self._sender.waiter.take_woken():
                return
            await self._driver.changed()

    async def poll(self, timeout: float | None = 0) -> list[Event]:
        """Everything that has happened, as `udpmsg.Sender.poll`; waits up to `timeout` seconds (None: for ever) or until `wake`.

        Cancelled, it has taken nothing."""
        with self._takes:
            sender, until = self._sender, None if timeout is None else after(timeout)
            await self._driver.let_others_go_on()
            while True:
                woken = sender.waiter.woken
                events = sender.poll(0)
                self._driver.arm()
                if events or woken or sender.closed or passed(until):
                    return events
                await self._driver.changed(until)

    def outcomes(self) -> Each[Outcome]:
        """How each acknowledged message ended, for `async for`, until all have or until `wake`. Other events are for a later
        `poll`."""
        return Each(self._next_outcome)

    def replies(self, timeout: float) -> Each[Message]:
        """Replies as they come, for `async for`, until none has come for `timeout` seconds, or `wake`.

        Other events are for a later `poll`. A reply is delivered, and acknowledged, when the next one is asked for."""
        return Each(partial(self._next_reply, timeout))

    async def ask(self, timeout: float) -> SessionReport | None:
        """Ask the receiver what it has of this session, as `udpmsg.Sender.ask`; None: no answer came for `timeout` seconds."""
        with self._asks:
            try:
                return await self._driver.follow(self._sender.asking(timeout))
            finally:
                self._driver.arm()

    async def close(self, *, wait: bool = True, finished: bool = True) -> None:
        """End the session, as `udpmsg.Sender.close`. Cancelled, it waits no longer and closes at once: what has not ended is
        UNCONFIRMED or REFUSED, and a later `poll` tells it."""
        if self._blocking is None or self._is_closing:
            return
        self._is_closing = True
        try:
            await self._driver.follow(self._blocking.closing(wait=wait, finished=finished))
        finally:
            self._driver.stop()
            close_at_once(self._blocking)

    async def __aenter__(self) -> "Sender":
        """Use it in an `async with` statement."""
        return await self.open()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close; after an error, or cancelled, without waiting for outcomes."""
        await self.close(wait=error is None)

    # Helpers -------------------------------------------------------------------------------------------------------------

    @property
    def _sender(self) -> BlockingSender:
        if self._blocking is None:
            raise UsageError("this sender is not open: use it in `async with`, or await its open() first")
        return self._blocking

    async def _room(self) -> None:
        """Wait until the next message can be accepted. Raises UsageError where none will be."""
        sender = self._sender
        await self._driver.let_others_go_on()
        while not (sender.has_room or self._is_closing or sender.waiter.woken):
            await self._driver.changed()
        if self._is_closing:
            raise UsageError("this sender is closed: open another")

    async def _next_outcome(self) -> Outcome | None:
        sender = self._sender
        await self._driver.let_others_go_on()
        while (outcome := sender.take_outcome()) is None:
            if sender.closed or not sender.unresolved or sender.waiter.take_woken():
                return None
            await self._driver.changed()
        return outcome

    async def _next_reply(self, timeout: float) -> Message | None:
        with self._takes:
            sender, until, looked = self._sender, after(timeout), False
            await self._driver.let_others_go_on()
            while (reply := sender.take_reply()) is None:
                if sender.closed or sender.waiter.take_woken() or (looked and passed(until)):
                    return None
                await self._driver.changed(until)
                looked = True
            self._driver.arm()
            return reply


def close_at_once(sender: BlockingSender) -> None:
    """End its session without waiting for anything; nothing happens where that was done."""
    steps = sender.closing(wait=False, finished=False)
    next(steps, None)
    steps.close()
