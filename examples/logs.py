"""Log lines, shipped from any number of programs to one collector.

    python examples/logs.py collect 5000
    python examples/logs.py work 127.0.0.1 5000             in a second terminal

A log line has to arrive, and the program that writes it has to go on: the lines are acknowledged, and `send` waits for none of
them. To keep them while no collector is there, name a file: Sender(…, spool="lines.spool").
"""

import logging
import sys

from udpmsg import Goodbye, Message, Receiver, Sender


class Shipper(logging.Handler):  # fits into every program that uses Python's own logging
    def __init__(self, sender: Sender) -> None:
        super().__init__()
        self.sender = sender

    def emit(self, record: logging.LogRecord) -> None:
        self.sender.send(self.format(record))
        self.sender.poll(0)  # takes in what came back, and does not wait


def collect(port: int) -> None:
    with Receiver("127.0.0.1", port) as receiver:
        print("Collecting", flush=True)
        while True:
            for event in receiver.poll(None):
                if isinstance(event, Message):
                    print(event.peer, event.payload.decode(), flush=True)
                elif isinstance(event, Goodbye):
                    return


def work(host: str, port: int) -> None:
    with Sender(host, port, acknowledged=True) as sender:  # the end of the block waits for what is not acknowledged yet
        logging.basicConfig(level=logging.INFO, handlers=[Shipper(sender)], format="%(levelname)s %(message)s")
        for number in range(1, 6):
            logging.info("step %d is done", number)


match sys.argv[1:]:
    case ["collect", port]:
        collect(int(port))
    case ["work", host, port]:
        work(host, int(port))
    case _:
        sys.exit(__doc__)
