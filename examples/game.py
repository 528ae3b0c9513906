"""A game's state, sixty times a second: a ball that one program moves and another one shows.

    python examples/game.py watch 5000
    python examples/game.py play 127.0.0.1 5000             in a second terminal

Each message is the whole state, so only the newest one counts. One that is lost is made good by the next, 17 ms later; one that
was overtaken is thrown away. Over TCP (transport="tcp" on both sides) a lost state would hold back all that follow it:
`udpmsg demo head-of-line` shows that.
"""

import sys
import time

from udpmsg import Goodbye, Message, Receiver, Sender

RATE, SECONDS, WIDTH = 60, 3, 40


def watch(port: int) -> None:
    newest = shown = 0
    with Receiver("127.0.0.1", port) as receiver:
        print("Waiting for a game", flush=True)
        while True:
            for event in receiver.poll(None):
                if isinstance(event, Message) and event.sequence and event.sequence > newest:
                    newest, shown = event.sequence, shown + 1
                    column = int(event.payload)
                    print(f"\r|{' ' * column}●{' ' * (WIDTH - column)}|", end="", flush=True)
                elif isinstance(event, Goodbye):
                    print(f"\n{shown} of {event.messages_sent} states were shown")
                    return


def play(host: str, port: int) -> None:
    with Sender(host, port) as sender:
        begun = time.monotonic()
        for tick in range(RATE * SECONDS):
            time.sleep(max(begun + tick / RATE - time.monotonic(), 0))  # by the clock, so that delays do not add up
            sender.send(str(abs(tick % (2 * WIDTH) - WIDTH)))


match sys.argv[1:]:
    case ["watch", port]:
        watch(int(port))
    case ["play", host, port]:
        play(host, int(port))
    case _:
        sys.exit(__doc__)
