"""A sensor that sends twenty readings a second, and a plot that grows while they come.

    python examples/sensor.py plot 5000
    python examples/sensor.py measure 127.0.0.1 5000        in a second terminal

A reading is worth little once the next one is there, so none is sent again: fire and forget. Each has a sequence number all the
same, and what is missing is drawn as a gap. The plot needs no library: a line of blocks, drawn over itself.
"""

import math
import sys
import time

from udpmsg import Goodbye, Message, Receiver, Sender

BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH = 60


def plot(port: int) -> None:
    columns: dict[int, str] = {}
    with Receiver("127.0.0.1", port) as receiver:
        print("Waiting for readings", flush=True)
        while True:
            for event in receiver.poll(None):
                if isinstance(event, Message) and event.sequence:
                    celsius = float(event.payload)
                    columns[event.sequence] = BLOCKS[min(max(round(celsius) - 16, 0), 7)]  # 16 to 23 °C
                    last = max(columns)
                    line = "".join(columns.get(number, " ") for number in range(max(last - WIDTH, 0) + 1, last + 1))
                    print(f"\r{line} {celsius:.1f} °C", end="", flush=True)
                elif isinstance(event, Goodbye):
                    print(f"\n{len(columns)} readings came, {event.messages_lost} were lost")
                    return


def measure(host: str, port: int) -> None:
    with Sender(host, port) as sender:
        for tick in range(WIDTH + 20):
            sender.send(f"{19.5 + 3.5 * math.sin(tick / 8):.2f}")
            time.sleep(0.05)


match sys.argv[1:]:
    case ["plot", port]:
        plot(int(port))
    case ["measure", host, port]:
        measure(host, int(port))
    case _:
        sys.exit(__doc__)
