"""udpmsg for asyncio: the methods of `udpmsg.Sender` and `udpmsg.Receiver`, awaited.

    from udpmsg import aio

    async with aio.Receiver(port=5000) as receiver:
        async for message in receiver:
            await receiver.reply(message, b"thank you")

Each stands on the blocking one, which it never lets wait: the loop waits, and has it work when there is something to do. So
protocol, order of things and promises are the same. What may wait is awaited; everything else is an ordinary method.

Cancelled at any await, nothing is lost and nothing is half done: a message that was not handed over comes with the next `poll`,
`receive` or `async for`, an outcome with the next `poll` or `outcomes`, and what a cancelled `send` did not accept was not sent.

A store or a spool is written in the loop, which stands still while the disk works: what comes after a commit waits for it.
Where a loop can't watch a descriptor (the proactor of Windows), a thread waits for it.
"""

from udpmsg.aio.receiver import Receiver
from udpmsg.aio.sender import Sender

__all__ = ["Receiver", "Sender"]
