"""A file drop: files are given on one machine and lie in a folder of another one.

    python examples/files.py take inbox 5000
    python examples/files.py give 127.0.0.1 5000 README.md LICENSE      in a second terminal

A file is one message, and its name is the message's title. udpmsg cuts it into datagrams, puts them together again, and sends
again what is lost. A message is acknowledged when the receiver asks for the next one: then the file lies in the folder.
"""

import sys
from pathlib import Path

from udpmsg import Goodbye, Limits, Message, Receiver, Sender, State

LARGEST = 64 << 20
LIMITS = Limits(max_message=LARGEST, session_bytes=LARGEST, total_bytes=2 * LARGEST)


def take(folder: Path, port: int) -> None:
    folder.mkdir(exist_ok=True)
    with Receiver("127.0.0.1", port, limits=LIMITS) as receiver:
        print("Waiting for files", flush=True)
        while True:
            for event in receiver.poll(None):
                if isinstance(event, Message):
                    name = Path(event.title or "unnamed").name or "unnamed"  # never a path: the title is a stranger's word
                    (folder / name).write_bytes(event.payload)
                    print(f"{name}: {len(event.payload)} bytes from {event.peer}", flush=True)
                elif isinstance(event, Goodbye):
                    return


def give(host: str, port: int, paths: list[Path]) -> None:
    with Sender(host, port, acknowledged=True, max_message=LARGEST) as sender:
        names = {sender.send(path.read_bytes(), title=path.name): path.name for path in paths}
        for outcome in sender.outcomes():
            arrived = outcome.state is State.DELIVERED
            print(f"{names[outcome.sequence]}: {'is there' if arrived else outcome.reason}", flush=True)


match sys.argv[1:]:
    case ["take", folder, port]:
        take(Path(folder), int(port))
    case ["give", host, port, *paths] if paths:
        give(host, int(port), [Path(path) for path in paths])
    case _:
        sys.exit(__doc__)
