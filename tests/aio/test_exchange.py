"""Messages, outcomes, replies and questions in an event loop: the stories that the blocking sender and receiver tell too."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.aio.conftest import Pair, Run
from tests.transport.support import LOOPBACK, PATIENCE
from udpmsg import (
    CannotConnect,
    CannotListen,
    Goodbye,
    Message,
    MessageTooLarge,
    NameUnknown,
    Outcome,
    State,
    Store,
    StoreReader,
    UsageError,
    aio,
)
from udpmsg.aio import driver
from udpmsg.messaging.sender import BATCH

Pairs = Callable[..., Pair]


def test_messages_come_in_order_and_each_has_its_outcome(run: Run, pair: Pairs) -> None:
    async def story() -> None:
        async with pair() as (receiver, sender):
            payloads = [b"%d" % number for number in range(600)]
            sending = asyncio.create_task(sender.send_many(payloads, title="numbers"))
            came = []
            async for message in receiver:
                came.append(message)
                if len(came) == len(payloads):
                    break
            assert [message.payload for message in came] == payloads
            assert {message.title for message in came} == {"numbers"}
            assert await sending == range(1, 601)
            receiver.done(came[-1])
            outcomes = [outcome async for outcome in sender.outcomes()]
            assert [outcome.sequence for outcome in outcomes] == list(range(1, 601))
            assert {outcome.state for outcome in outcomes} == {State.DELIVERED}
            assert sender.unresolved == 0
            assert sender.statistics().messages_delivered == receiver.statistics().messages_delivered == 600

    run(story())


def test_questions_are_answered(run: Run, pair: Pairs) -> None:
    async def story() -> None:
        async with pair() as (receiver, sender):

            async def answer() -> None:
                async for message in receiver:
                    await receiver.reply(message, message.payload.upper())

            answering = asyncio.create_task(answer())
            for question in ("one", "two", "three"):
                await sender.send(question)
                async for reply in sender.replies(PATIENCE):
                    assert reply.payload == question.upper().encode()
                    break
            assert [reply async for reply in sender.replies(0.0)] == []
            report = await sender.ask(PATIENCE)
            assert report is not None
            assert report.delivered == 3
            receiver.wake()
            await answering

    run(story())


def test_what_is_lost_is_sent_again_while_the_program_does_other_things(run: Run) -> None:
    """Nobody asks the sender anything: its own timers bring the message to a receiver that comes late."""

    async def story() -> None:
        async with aio.Receiver(port=0) as receiver:
            port = receiver.endpoints[0].port
            await receiver.close()
        async with aio.Sender(LOOPBACK, port, acknowledged=True) as sender:
            await sender.send("is anybody there?")
            async with aio.Receiver(port=port) as receiver:
                message = await receiver.receive()
                assert message is not None
                assert message.payload == b"is anybody there?"
                receiver.done(message)
                await sender.flush()
                (outcome,) = [outcome async for outcome in sender.outcomes()]
                assert outcome.state is State.DELIVERED
                assert outcome.transmissions > 1

    run(story())


def test_fire_and_forget_leaves_with_a_goodbye(run: Run, transport: str) -> None:
    async def story() -> None:
        async with aio.Receiver(port=0, transport=transport) as receiver:
            endpoint = receiver.endpoints[0]

            async def send() -> None:
                async with aio.Sender(endpoint.host, endpoint.port, transport=transport) as sender:
                    assert await sender.send_many([b"x" * 1000] * 100) == range(1, 101)
                    assert not sender.acknowledged
                    await sender.flush()
                    assert not sender.blocked
                    assert [outcome async for outcome in sender.outcomes()] == []

            sending = asyncio.create_task(send())
            events = []
            while not any(isinstance(event, Goodbye) for event in events):
                events += await receiver.poll(None)
            assert len([event for event in events if isinstance(event, Message)]) == 100
            while not sending.done():
                await receiver.poll(0.01)
            await sending

    run(story())


def test_who_sends_or_receives_without_a_wait_lets_others_go_on(
    run: Run, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No task may keep the loop for longer than its share, here nothing, though it never has to wait."""
    monkeypatch.setattr(driver, "SHARE", -1)

    async def story() -> None:
        turns = 0

        async def count_turns() -> None:
            nonlocal turns  # of the loop
            while True:
                turns += 1
                await asyncio.sleep(0)

        async with aio.Receiver(port=0, transport=transport) as receiver:
            endpoint = receiver.endpoints[0]
            counting = asyncio.create_task(count_turns())
            async with aio.Sender(endpoint.host, endpoint.port, transport=transport) as sender:
                payloads = (bytes(1000) for _ in range(20_000))
                turns = 0
                sending = asyncio.create_task(sender.send_many(payloads))
                count = 0
                while count < 10_000 and not (sending.done() and transport == "udp"):
                    count += sum(isinstance(event, Message) for event in await receiver.poll(0.1))
                before = turns
                sending.cancel()
                await asyncio.wait([sending])
                assert before > 10_000 / BATCH / 2  # a turn for a batch, and it may receive two at once
                await receiver.close()
            counting.cancel()
            await asyncio.wait([counting])

    run(story())


def test_what_can_not_be_opened_says_why_when_it_is_opened(run: Run) -> None:
    async def story() -> None:
        async with aio.Receiver(port=0, transport="tcp") as receiver:
            port = receiver.endpoints[0].port
            with pytest.raises(CannotListen):
                await aio.Receiver(port=port, transport="tcp").open()
        with pytest.raises(CannotConnect):
            await aio.Sender(LOOPBACK, port, transport="tcp").open()
        with pytest.raises(NameUnknown):
            async with aio.Sender("no-such-host.invalid"):
                raise AssertionError("it was opened")
        with pytest.raises(UsageError, match="the transport is"):
            await aio.Sender(LOOPBACK, transport="carrier pigeon").open()
        for unopened in (aio.Sender(LOOPBACK), aio.Receiver()):
            with pytest.raises(UsageError, match="is not open"):
                unopened.statistics()
            with pytest.raises(UsageError, match="is not open"):
                await unopened.poll()
            await unopened.close()
        async with aio.Receiver(port=0) as receiver:
            with pytest.raises(UsageError, match="opened before"):
                await receiver.open()

    run(story())


def test_a_mistake_of_the_program_is_its_own(run: Run, pair: Pairs) -> None:
    async def story() -> None:
        async with pair() as (receiver, sender):
            with pytest.raises(MessageTooLarge):
                await sender.send(bytes(2 << 20))
            with pytest.raises(UsageError, match="send_many takes several"):
                await sender.send_many(b"one")
            assert await sender.send("one") == 1
            message = await receiver.receive()
            assert message is not None
            await sender.close(wait=False)
            assert sender.closed
            with pytest.raises(UsageError, match="closed"):
                await sender.send("two")
            with pytest.raises(UsageError, match="closed"):
                await sender.ask(0.0)
            assert [event.state for event in await sender.poll() if isinstance(event, Outcome)] == [State.UNCONFIRMED]
            await receiver.close()
            assert receiver.closed
            assert [event for event in await receiver.poll(PATIENCE) if isinstance(event, Message)] == []
            with pytest.raises(UsageError, match="closed"):
                await receiver.reply(message, "too late")

    run(story())


def test_a_time_without_anything_ends(run: Run, pair: Pairs) -> None:
    async def story() -> None:
        async with pair() as (receiver, sender):
            assert await receiver.receive(0.01) is None
            assert await receiver.poll(0.01) == []
            assert await receiver.poll() == []
            assert await sender.poll(0.01) == []
            assert await sender.poll() == []

    run(story())


def test_who_waits_can_be_woken(run: Run, pair: Pairs) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        async with pair() as (receiver, sender):
            for end in (receiver, sender):
                loop.call_soon(end.wake)
                assert await end.poll(None) == []
            loop.run_in_executor(None, receiver.wake)
            assert [message async for message in receiver] == []
            await sender.send("nobody takes this")
            loop.call_soon(sender.wake)
            assert [outcome async for outcome in sender.outcomes()] == []
            loop.call_soon(sender.wake)
            assert [reply async for reply in sender.replies(PATIENCE)] == []
            loop.call_soon(sender.wake)
            await sender.flush()
            assert sender.unresolved == 1

    run(story())


def test_a_store_and_a_spool_keep_what_they_promise(run: Run, transport: str, tmp_path: Path) -> None:
    async def story() -> None:
        with Store(tmp_path / "store.db") as store:
            async with aio.Receiver(port=0, transport=transport, store=store) as receiver:
                port = receiver.endpoints[0].port
                spool = tmp_path / "spool.db"
                async with aio.Sender(LOOPBACK, port, transport=transport, acknowledged=True, spool=spool) as sender:
                    sending = asyncio.create_task(sender.send_many(b"%d" % number for number in range(500)))
                    count = 0
                    while count < 500:
                        count += sum(isinstance(event, Message) for event in await receiver.poll(None))
                    await sending
                    assert len([outcome async for outcome in sender.outcomes()]) == 500
                    assert sender.spool is not None
                    assert not sender.spool.messages
                    closing = asyncio.create_task(sender.close())
                    while not closing.done():
                        await receiver.poll(0.01)
        with StoreReader(tmp_path / "store.db") as reader:
            assert [stored.message.payload for stored in reader.messages()] == [b"%d" % number for number in range(500)]

    run(story())
