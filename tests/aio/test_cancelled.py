"""Cancelled at every await, one after the other: nothing is lost, nothing comes twice, and nothing is left open.

A story is told again and again, cancelled where it waits for the first time, the second, … until it ends before it is cancelled.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from tests.aio.conftest import Pair, Run
from tests.aio.support import cancelled
from tests.transport.support import LOOPBACK, PATIENCE, Listener, connect
from udpmsg import CannotConnect, Disconnected, Message, Outcome, Receiver, State, aio
from udpmsg.aio import driver
from udpmsg.messaging.sender import BACKLOG

Pairs = Callable[..., Pair]
MESSAGES = [b"%d" % number for number in range(20)]


@pytest.mark.parametrize("ask", ["receive", "poll", "async for"])
def test_a_receiver_keeps_what_a_cancelled_task_did_not_take(run: Run, pair: Pairs, ask: str) -> None:
    async def taking(receiver: aio.Receiver) -> list[Any]:
        if ask == "poll":
            return await receiver.poll(None, 3)
        if ask == "receive":
            return [await receiver.receive()]
        async for message in receiver:
            return [message]
        raise AssertionError("it ended")

    async def story() -> None:
        for step in count(1):
            async with pair() as (receiver, sender):
                sending = asyncio.create_task(sender.send_many(iter(MESSAGES)))
                came: list[Any] = []
                was_cancelled = False
                while len(came) < len(MESSAGES):
                    was, events = await cancelled(step, taking(receiver))
                    was_cancelled |= was
                    came += [event for event in events or () if isinstance(event, Message)]
                    delivered = receiver.statistics().messages_delivered
                    assert delivered <= len(came)  # never what was not handed over
                assert [message.payload for message in came] == MESSAGES
                await sending
                receiver.done(*came)
                outcomes = [outcome async for outcome in sender.outcomes()]
                assert [(outcome.sequence, outcome.state) for outcome in outcomes] == [
                    (number, State.DELIVERED) for number in range(1, len(MESSAGES) + 1)
                ]
            if not was_cancelled:
                return

    run(story())


@pytest.mark.parametrize("way", ["cancelled", "exception", "peace"])
def test_leaving_in_peace_delivers_and_a_cancellation_or_an_exception_does_not(run: Run, transport: str, way: str) -> None:
    async def story() -> None:
        opened: list[aio.Receiver] = []
        is_open, has_it = asyncio.Event(), asyncio.Event()

        async def work() -> None:
            async with aio.Receiver(port=0, transport=transport) as receiver:
                opened.append(receiver)
                is_open.set()
                async for message in receiver:
                    has_it.set()
                    if way == "cancelled":
                        await asyncio.sleep(PATIENCE)
                    if way == "exception":
                        raise LookupError(message.payload)
                    break

        working = asyncio.create_task(work())
        await is_open.wait()
        endpoint = opened[0].endpoints[0]
        options: dict[str, Any] = {"transport": transport, "acknowledged": True, "deadline": 0.4}
        async with aio.Sender(endpoint.host, endpoint.port, **options) as sender:
            await sender.send("one")
            await has_it.wait()
            if way == "cancelled":
                working.cancel()
            await asyncio.wait([working])
            states = [outcome.state async for outcome in sender.outcomes()]
            assert states == [State.DELIVERED if way == "peace" else State.UNCONFIRMED]
            assert opened[0].statistics().messages_delivered == (way == "peace")
            assert working.cancelled() == (way == "cancelled")
            assert working.cancelled() or (type(working.exception()) is LookupError) == (way == "exception")

    run(story())


@pytest.fixture
def listener(transport: str, everything_is_given_back: None) -> Iterator[Listener]:
    """In a thread; it says thank you."""
    with Listener(Receiver(LOOPBACK, 0, transport=transport), lambda message: b"thank you") as listener:
        yield listener


def sender_to(listener: Listener, **options: Any) -> aio.Sender:
    endpoint = listener.endpoint()
    return aio.Sender(endpoint.host, endpoint.port, transport=endpoint.transport, **options)


def test_a_sender_keeps_outcomes_and_replies_that_a_cancelled_task_did_not_take(run: Run, listener: Listener) -> None:
    async def story() -> None:
        told = 0
        for step in count(1):
            async with sender_to(listener, acknowledged=True) as sender:
                steps_taken = []
                payloads = iter(MESSAGES)
                while True:
                    was, _ = await cancelled(step, sender.send_many(payloads))
                    steps_taken.append(was)
                    if not was:
                        break
                outcomes: list[Outcome] = []
                replies: list[Message] = []

                async def take(sender: aio.Sender, outcomes: list[Outcome], replies: list[Message]) -> None:
                    await sender.flush()
                    async for outcome in sender.outcomes():
                        outcomes.append(outcome)  # noqa: PERF401 - one by one, for what was taken before it was cancelled
                    async for reply in sender.replies(PATIENCE):
                        replies.append(reply)
                        if len(replies) == len(MESSAGES):
                            break

                while len(replies) < len(MESSAGES):
                    was, _ = await cancelled(step, take(sender, outcomes, replies))
                    steps_taken.append(was)
                assert [outcome.sequence for outcome in outcomes] == list(range(1, len(MESSAGES) + 1))
                assert {outcome.state for outcome in outcomes} == {State.DELIVERED}
                assert sorted(reply.reply_to or 0 for reply in replies) == list(range(1, len(MESSAGES) + 1))
            told += len(MESSAGES)
            assert [message.payload for message in listener.of(Message)[-len(MESSAGES) :]] == MESSAGES
            assert len(listener.of(Message)) == told
            if not any(steps_taken):
                return

    run(story())


def test_a_cancelled_send_has_not_sent(run: Run, transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads: so much is accepted as there is room for, and a task that waits for more has sent nothing."""
    monkeypatch.setattr(driver, "SHARE", PATIENCE * 10**9)  # the wait is for room, not for the others' turn

    async def story() -> None:
        async with aio.Receiver(port=0, transport=transport) as receiver:
            port = receiver.endpoints[0].port
            sender = await aio.Sender(LOOPBACK, port, transport=transport, acknowledged=True, window=1).open()
            payloads = iter([b"%d" % number for number in range(10 * BACKLOG)])
            was, _ = await cancelled(1, sender.send_many(payloads))
            assert was
            sent = sender.unresolved
            assert 0 < sent < 10 * BACKLOG
            for send in (sender.send("not sent"), sender.send_many(["not sent"])):
                was, _ = await cancelled(1, send)
                assert was
            assert sender.unresolved == sent
            assert next(payloads) == b"%d" % sent
            await receiver.close()
            await sender.close(wait=False)

    run(story())


def test_a_whole_program_leaves_nothing_behind_wherever_it_is_cancelled(run: Run, listener: Listener) -> None:
    async def program(numbers: list[int], ended: list[Outcome], opened: list[aio.Sender]) -> None:
        async with sender_to(listener, acknowledged=True) as sender:
            opened.append(sender)
            for payload in MESSAGES[:3]:
                numbers.append(await sender.send(payload))  # noqa: PERF401 - as above
            async for reply in sender.replies(PATIENCE):
                assert reply.payload == b"thank you"
                if reply.reply_to == 3:
                    break
            assert await sender.ask(PATIENCE) is not None
            ended += [event for event in await sender.poll(None) if isinstance(event, Outcome)]

    async def story() -> None:
        for step in count(1):
            numbers: list[int] = []
            ended: list[Outcome] = []
            opened: list[aio.Sender] = []
            was, _ = await cancelled(step, program(numbers, ended, opened))
            for sender in opened:
                assert sender.closed
                ended += [event for event in await sender.poll() if isinstance(event, Outcome)]
                assert [outcome.sequence for outcome in ended] == numbers  # each has its outcome, once
            if not was:
                assert {outcome.state for outcome in ended} == {State.DELIVERED}
                return

    run(story())


def test_a_receiver_that_is_cancelled_anywhere_delivers_what_was_done_and_nothing_else(run: Run, transport: str) -> None:
    async def program(port: list[int], handled: list[bytes], is_open: asyncio.Event) -> None:
        async with aio.Receiver(port=0, transport=transport) as receiver:
            port.append(receiver.endpoints[0].port)
            is_open.set()
            async for message in receiver:
                await asyncio.sleep(0)  # its work
                handled.append(message.payload)
                if len(handled) == 3:
                    break

    async def story() -> None:
        for step in count(1):
            port: list[int] = []
            handled: list[bytes] = []
            is_open = asyncio.Event()
            running = asyncio.create_task(cancelled(step, program(port, handled, is_open)))
            opening = asyncio.create_task(is_open.wait())
            await asyncio.wait([running, opening], return_when=asyncio.FIRST_COMPLETED)
            opening.cancel()
            delivered: list[int] = []
            if port and not running.done():
                options: dict[str, Any] = {"transport": transport, "acknowledged": True, "deadline": 0.4}
                with contextlib.suppress(CannotConnect):  # it was cancelled meanwhile
                    async with aio.Sender(LOOPBACK, port[0], **options) as sender:
                        await sender.send_many(MESSAGES[:3])
                        delivered = [o.sequence async for o in sender.outcomes() if o.state is State.DELIVERED]
            was, _ = await running
            assert delivered == list(range(1, len(delivered) + 1))
            assert handled == MESSAGES[: len(handled)]
            assert len(delivered) <= len(handled)
            if not was:
                assert len(delivered) == len(handled) == 3
                return

    run(story())


def test_what_is_cancelled_while_it_opens_is_closed_when_it_is_open(run: Run, transport: str) -> None:
    async def story() -> None:
        async with aio.Receiver(port=0, transport=transport) as receiver:
            port = receiver.endpoints[0].port
            for opening in (aio.Sender(LOOPBACK, port, transport=transport).open(), aio.Receiver(port=0).open()):
                was, _ = await cancelled(1, opening)
                assert was

    run(story())  # descriptors are counted after it


def test_closing_that_is_cancelled_closes_at_once(run: Run, transport: str) -> None:
    async def story() -> None:
        async with aio.Receiver(port=0, transport=transport) as receiver:
            sender = await aio.Sender(LOOPBACK, receiver.endpoints[0].port, transport=transport, acknowledged=True).open()
            await sender.send("nobody takes this")
            was, _ = await cancelled(1, sender.close())
            assert was
            assert sender.closed
            (outcome,) = await sender.poll()
            assert isinstance(outcome, Outcome)
            assert outcome.state is State.UNCONFIRMED
            await sender.close()
            message = await receiver.receive()
            assert message is not None
            await receiver.reply(message, "nobody hears this")
            await cancelled(1, receiver.close())
            assert receiver.closed

    run(story())


def test_a_peer_that_sends_half_a_frame_has_its_time_and_no_more(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time that a task waits for messages counts for their peers, also if it asks again and again."""
    monkeypatch.setattr("udpmsg.tcp.connection.FRAME_GRACE", 300_000_000)

    async def story() -> None:
        async with aio.Receiver(port=0, transport="tcp") as receiver:
            with connect(receiver.endpoints[0]) as client:
                client.send(b"\0\0\0\50UM\1")
                polls = 0
                while not any(isinstance(event, Disconnected) for event in await receiver.poll(0.05)):
                    polls += 1
                assert polls < 15  # 0.3 s have six of them, and a busy machine fewer

    run(story())
