"""Many tasks and one sender or receiver: who may share what, and what a task is told when it may not."""

import asyncio
from collections.abc import Callable

import pytest

from tests.aio.conftest import Pair, Run
from tests.transport.support import PATIENCE
from udpmsg import CannotStore, Message, State, UsageError, aio

Pairs = Callable[..., Pair]


def test_one_task_at_a_time_asks_a_receiver(run: Run, pair: Pairs) -> None:
    """A second one would say that the first is done with what it has."""

    async def story() -> None:
        async with pair() as (receiver, sender):
            first = asyncio.create_task(receiver.receive())
            await asyncio.sleep(0)
            for ask in (receiver.receive(), receiver.poll(), receiver.__aiter__().__anext__()):
                with pytest.raises(UsageError, match="another task waits"):
                    await ask
            await sender.send("for the first")
            message = await first
            assert message is not None
            assert message.payload == b"for the first"
            assert await receiver.poll() == []  # now another may

    run(story())


def test_a_batch_is_worked_on_by_many_tasks_and_delivered_when_all_are_done(run: Run, pair: Pairs) -> None:
    async def story() -> None:
        async with pair() as (receiver, sender):
            await sender.send_many(b"%d" % number for number in range(10))
            handled: list[bytes] = []

            async def handle(message: Message) -> None:
                await receiver.reply(message, b"I have it")
                await asyncio.sleep(0)
                handled.append(message.payload)

            while len(handled) < 10:
                batch = [event for event in await receiver.poll(None) if isinstance(event, Message)]
                assert receiver.statistics().messages_delivered == len(handled)
                await asyncio.gather(*map(handle, batch))
            receiver.done(*batch)
            assert {outcome.state async for outcome in sender.outcomes()} == {State.DELIVERED}

    run(story())


def test_any_number_of_tasks_send(run: Run, pair: Pairs) -> None:
    """The messages of one `send_many` stand together, also where it has to wait for room."""

    async def story() -> None:
        async with pair(window=50) as (receiver, sender):
            many = [sender.send_many([b"%d.%d" % (task, number) for number in range(600)]) for task in range(3)]
            sending = asyncio.gather(*many, *(sender.send(b"alone") for _ in range(20)))
            came: list[Message] = []
            while len(came) < 3 * 600 + 20:
                came += [event for event in await receiver.poll(None) if isinstance(event, Message)]
            of_sequence = {message.sequence: message.payload for message in came}
            numbers = await sending
            for task in range(3):
                assert [of_sequence[number] for number in numbers[task]] == [b"%d.%d" % (task, n) for n in range(600)]
            for number in numbers[3:]:
                assert of_sequence[number] == b"alone"

    run(story())


def test_outcomes_and_replies_are_for_one_task_each(run: Run, pair: Pairs) -> None:
    async def story() -> None:
        async with pair() as (receiver, sender):
            await sender.send("question")
            replies = sender.replies(PATIENCE)
            outcomes = sender.outcomes()
            reply, outcome = asyncio.create_task(anext(replies)), asyncio.create_task(anext(outcomes))
            await asyncio.sleep(0)
            with pytest.raises(UsageError, match="another task waits"):
                await sender.poll()
            with pytest.raises(UsageError, match="another task waits"):
                await anext(sender.replies(0.0))
            asking = asyncio.create_task(sender.ask(PATIENCE))
            await asyncio.sleep(0)
            with pytest.raises(UsageError, match="another task asks"):
                await sender.ask(PATIENCE)
            message = await receiver.receive()
            assert message is not None
            await receiver.reply(message, "answer")
            hearing = asyncio.create_task(receiver.receive())
            assert (await reply).payload == b"answer"
            assert (await outcome).state is State.DELIVERED
            assert await asking is not None
            receiver.wake()
            assert await hearing is None

    run(story())


def test_who_waits_is_let_go_when_it_is_closed(run: Run, pair: Pairs) -> None:
    async def story() -> None:
        async with pair(window=1) as (receiver, sender):
            await sender.send("nobody takes this")
            sending = asyncio.create_task(sender.send_many([b"more"] * 10_000))
            polling = asyncio.create_task(sender.poll(None))
            await asyncio.sleep(0)
            await asyncio.gather(sender.close(wait=False), sender.close())
            await asyncio.wait([sending, polling])
            assert isinstance(sending.exception(), UsageError)
            assert len(polling.result()) > 0
            await sender.flush()
            while any(isinstance(event, Message) for event in await receiver.poll(0)):
                pass
            receiving = asyncio.create_task(receiver.receive())
            await asyncio.sleep(0)
            await receiver.close()
            assert await receiving is None or receiving.done()

    run(story())


def test_what_goes_wrong_while_nobody_waits_is_told_to_the_next_who_asks(run: Run, pair: Pairs) -> None:
    """Work that is done between two calls can fail too, as where a disk is full."""

    async def story() -> None:
        async with pair() as (receiver, sender):
            blocking = sender._sender
            sound, failures = blocking.work, [CannotStore("the disk is full")]

            def work() -> None:
                if failures:
                    raise failures.pop()
                sound()

            blocking.work = work  # type: ignore[method-assign]
            await sender.send("one")
            message = await receiver.receive()
            assert message is not None
            receiver.done(message)
            while failures:
                await asyncio.sleep(0)
            with pytest.raises(CannotStore):
                await sender.flush()
            await sender.flush()  # once is enough, and work goes on
            assert [outcome.state async for outcome in sender.outcomes()] == [State.DELIVERED]

    run(story())


def test_a_crowd_of_senders_over_both_transports_in_one_loop(run: Run) -> None:
    """Forty sessions, a receiver and its replies, all of them tasks; each hears what is meant for it, and nothing else."""

    async def story() -> None:
        async with aio.Receiver(port=0, transport="both") as receiver:

            async def answer() -> None:
                async for message in receiver:
                    await receiver.reply(message, message.payload.upper())

            async def ask(number: int) -> list[bytes]:
                endpoint = receiver.endpoints[number % 2]
                heard = []
                async with aio.Sender(
                    endpoint.host, endpoint.port, transport=endpoint.transport, acknowledged=bool(number % 3)
                ) as sender:
                    for text in ("a", "b", "c"):
                        await sender.send(f"{text} of {number}")
                        heard.append((await anext(sender.replies(PATIENCE))).payload)
                return heard

            answering = asyncio.create_task(answer())
            heard = await asyncio.gather(*map(ask, range(40)))
            assert heard == [[f"{text} OF {number}".encode() for text in "ABC"] for number in range(40)]
            receiver.wake()
            await answering
            assert receiver.statistics().messages_delivered == 120

    run(story())
