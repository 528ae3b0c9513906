"""A program that keeps messages in groups until it is ended: python -m tests.store.keeper FILE [GROUPS].

After each commit it writes the last sequence number that is kept, as a receiver acknowledges; what it could not keep it writes as
`refused`, and waits for a line before it goes on. It begins where the store says, as a receiver does that was started again.
"""

import os
import sys

from tests.store.samples import NOON, SESSION, messages, remembered
from udpmsg import CannotStore, Store

GROUP = 20


def main() -> None:
    """Keep."""
    with Store(sys.argv[1]) as store:
        known = store.remembered(SESSION)
        last = known.count if known else 0
        groups = int(sys.argv[2]) if len(sys.argv) > 2 else sys.maxsize
        while groups:
            begin = max(last - GROUP // 2, 0)  # half of the group before comes again: its acknowledgment may have been lost
            try:
                store.keep(messages(begin + 1, last + GROUP), remembered(last + GROUP), now_ns=NOON)
            except CannotStore as error:
                say(f"refused {error}")
                sys.stdin.readline()
                continue
            last += GROUP
            groups -= 1
            say(str(last))


def say(line: str) -> None:
    """Write a line, in one piece."""
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


if __name__ == "__main__":
    main()
