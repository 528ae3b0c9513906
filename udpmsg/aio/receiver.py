"""Receiving messages in an event loop. Owns which task may ask, and what a cancelled task leaves behind; everything else is
`udpmsg.messaging.receiver`, which is driven here and never waits.
"""

from functools import partial
from types import TracebackType
from typing import Any

from udpmsg.aio.driver import Driver
from udpmsg.aio.facade import Each, OneAtATime, open_in_thread, takes_arguments_of
from udpmsg.base.errors import N_, UsageError
from udpmsg.core.config import Limits
from udpmsg.core.events import Event, Message
from udpmsg.messaging.payload import Payload
from udpmsg.messaging.receiver import LINGER
from udpmsg.messaging.receiver import Receiver as BlockingReceiver
from udpmsg.messaging.statistics import ReceiverStatistics
from udpmsg.sockets.endpoint import Endpoint
from udpmsg.sockets.waiting import after, passed


class Receiver:
    """`udpmsg.Receiver` for asyncio: `async for message in receiver`. Use it in `async with`.

    What it handed over is delivered, and acknowledged, when a task asks for more, says `done`, or leaves the `async with` block
    without an exception; a cancellation is one. So one task at a time may ask: a second one would say
    that the first is done. It takes what comes while a task asks, and not in between. Belongs to the loop in which it was opened.
    """

    @takes_arguments_of(BlockingReceiver)
    def __init__(self, *arguments: Any, **options: Any) -> None:
        """As `udpmsg.Receiver`. Nothing is opened yet, and nothing checked: `open` does that."""
        self._opening = partial(BlockingReceiver, *arguments, **options)
        self._blocking: BlockingReceiver | None = None
        self._is_closing = False
        self._opens = OneAtATime(N_("this receiver was opened before: make another one"))
        self._asks = OneAtATime(
            N_(
                "another task waits for this receiver's messages, and a task that asks is done with those before: "
                "let one task ask"
            )
        )

    async def open(self) -> "Receiver":
        """Bind and listen, in a thread: a name is looked up. `async with` does this.

        Raises what `udpmsg.Receiver` does. Cancelled, it is closed again as soon as it is open."""
        self._opens.__enter__()  # for good
        self._blocking = await open_in_thread(self._opening, close_at_once)
        self._driver = Driver(self._blocking, always=False)
        return self

    # Properties that are known at once -----------------------------------------------------------------------------------

    @property
    def endpoints(self) -> list[Endpoint]:
        """What it listens on."""
        return self._receiver.endpoints

    @property
    def limits(self) -> Limits:
        """What it takes on."""
        return self._receiver.limits

    @property
    def receive_buffer(self) -> int | None:
        """Bytes of the UDP socket's receive buffer, as the kernel gave it; None without UDP."""
        return self._receiver.receive_buffer

    @property
    def offload(self) -> bool | None:
        """Whether runs of datagrams come in one call; None without UDP."""
        return self._receiver.offload

    @property
    def closed(self) -> bool:
        """Whether it was closed, or is being closed."""
        return self._is_closing

    def statistics(self) -> ReceiverStatistics:
        """What was counted so far, over both transports."""
        return self._receiver.statistics()

    def proved(self, message: Message) -> bool:
        """Whether somebody is at the address that this message came from: see `udpmsg.Receiver.proved`."""
        return self._receiver.proved(message)

    def challenge(self, message: Message) -> None:
        """Ask the address that this message came from to prove itself."""
        self._receiver.challenge(message)
        self._driver.arm()

    def done(self, *messages: Message) -> None:
        """The application is done with these messages, before it asks for more: they are delivered, and acknowledged, now."""
        self._receiver.done(*messages)
        self._driver.arm()

    def wake(self) -> None:
        """End a `poll`, `receive` or iteration that is under way, or the next one. Safe from any thread and from signals."""
        if self._blocking is not None:
            self._driver.wake()

    # What may wait -------------------------------------------------------------------------------------------------------

    async def poll(self, timeout: float | None = 0, limit: int | None = None) -> list[Event]:
        """What has happened, at most `limit` events, as `udpmsg.Receiver.poll`; waits up to `timeout` seconds (None: for ever) or
        until `wake`. Cancelled, it has taken nothing: what came is for the next call."""
        with self._asks:
            return await self._events(None if timeout is None else after(timeout), limit)

    async def receive(self, timeout: float | None = None) -> Message | None:
        """The next message; None after `timeout` seconds without one, or after `wake`. Other events are passed over.

        As with `poll`, the next call delivers it."""
        with self._asks:
            until = None if timeout is None else after(timeout)
            while True:
                events = await self._events(until, 1)
                if events and isinstance(events[0], Message):
                    return events[0]
                if not events or passed(until):
                    return None

    def __aiter__(self) -> Each[Message]:
        """Every message that comes, until `wake` or for ever."""
        return Each(self.receive)

    async def reply(self, message: Message, payload: Payload) -> None:
        """Answer a message, as `udpmsg.Receiver.reply`. An answer that is lost is sent again while a task asks for messages."""
        receiver = self._receiver
        await self._driver.let_others_go_on()
        receiver.reply(message, payload)
        self._driver.arm()

    async def close(self, *, linger: float = LINGER, commit: bool = True) -> None:
        """Stop listening, as `udpmsg.Receiver.close`. Cancelled, it waits no longer and closes at once."""
        if self._blocking is None or self._is_closing:
            return
        self._is_closing = True
        try:
            await self._driver.follow(self._blocking.closing(linger=linger, commit=commit))
        finally:
            self._is_closing = self._blocking.closed  # a store that could not keep what was handed over can be tried again
            if self._is_closing:
                self._driver.stop()

    async def __aenter__(self) -> "Receiver":
        """Use it in an `async with` statement."""
        return await self.open()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close; after an error, or cancelled, nothing more is delivered."""
        await self.close(commit=error is None)

    # Helpers -------------------------------------------------------------------------------------------------------------

    @property
    def _receiver(self) -> BlockingReceiver:
        if self._blocking is None:
            raise UsageError("this receiver is not open: use it in `async with`, or await its open() first")
        return self._blocking

    async def _events(self, until: int | None, limit: int | None) -> list[Event]:
        """What has happened, waiting `until` (nanoseconds; None: for ever) for something."""
        receiver = self._receiver
        await self._driver.let_others_go_on()
        while True:
            woken = receiver.waiter.woken
            events = receiver.poll(0, limit)
            if events or woken or receiver.closed or passed(until):
                return events
            await self._driver.changed(until)
            while not (receiver.something_waits or receiver.waiter.woken or receiver.closed or passed(until)):
                await self._driver.changed(until)


def close_at_once(receiver: BlockingReceiver) -> None:
    """Stop listening, without waiting for anything; nothing was handed over."""
    receiver.close(linger=0.0, commit=False)
