"""Many senders in one process, a thread each: `python -m tests.transport.crowd HOST PORT TRANSPORT SENDERS MESSAGES NAME`.

They begin together, when every one of them has its socket; what became of their messages is written as JSON.
"""

import json
import sys
import threading
from collections import Counter

from udpmsg import Sender


def main(host: str, port: int, transport: str, senders: int, messages: int, name: str) -> None:
    totals: Counter[str] = Counter()
    lock = threading.Lock()
    everybody = threading.Barrier(senders)

    def one(number: int) -> None:
        with Sender(host, port, transport=transport, acknowledged=True) as sender:
            everybody.wait()
            sender.send_many(f"{name} {number} {message}".encode() for message in range(messages))
            states = Counter(outcome.state.name for outcome in sender.outcomes())
        statistics = sender.statistics()
        with lock:
            totals.update(states)
            totals["senders"] += 1
            totals["messages_sent"] += statistics.messages_sent
            totals["payload_bytes"] += statistics.payload_bytes
            totals["retransmissions"] += statistics.retransmissions or 0
            totals["malformed"] += statistics.malformed

    threads = [threading.Thread(target=one, args=(number,)) for number in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(totals))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), sys.argv[6])
