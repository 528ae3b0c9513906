"""A chat: one room, and everybody in it reads what the others write. Ctrl-D leaves.

    python examples/chat.py room 5000
    python examples/chat.py join 127.0.0.1 5000 Ana         in a second terminal; and Ben in a third

The room has one socket for all and connects to nobody: it answers the last message of each one, as often as there is news.
"""

import sys
from collections import deque
from threading import Thread

from udpmsg import Goodbye, Message, Receiver, Sender


def room(port: int) -> None:
    people: dict[int | None, Message] = {}  # by session: the message that a reply answers
    with Receiver("127.0.0.1", port) as receiver:
        print("The room is open", flush=True)
        while True:
            for event in receiver.poll(None):
                if isinstance(event, Message):
                    people[event.session] = event
                    for session in people.keys() - {event.session}:
                        receiver.reply(people[session], event.payload)
                elif isinstance(event, Goodbye):
                    people.pop(event.session, None)
                    if not people:
                        return


def join(host: str, port: int, name: str) -> None:
    lines = deque([f"{name} is here"])
    keyboard = Thread(target=lambda: lines.extend(f"{name}: {line.strip()}" for line in sys.stdin), daemon=True)
    keyboard.start()
    with Sender(host, port, acknowledged=True) as sender:
        while keyboard.is_alive() or lines:
            while lines:
                sender.send(lines.popleft())
            for reply in sender.replies(timeout=0.05):
                print(reply.payload.decode(), flush=True)


match sys.argv[1:]:
    case ["room", port]:
        room(int(port))
    case ["join", host, port, name]:
        join(host, int(port), name)
    case _:
        sys.exit(__doc__)
