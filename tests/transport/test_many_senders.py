"""A listener that takes many senders at once, over UDP, over TCP, and over both: none is lost to bookkeeping."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.transport.conftest import Listening
from tests.transport.support import Listener, goodbyes
from udpmsg import Goodbye, Message

PROJECT = Path(__file__).parents[2]
PROCESSES, SENDERS, MESSAGES = 4, 50, 50
ALL = PROCESSES * SENDERS * MESSAGES


def crowd(listener: Listener, transports: list[str]) -> Counter[str]:
    """Run the senders, a process for each of the transports; what they counted in all."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.transport.crowd", listener.endpoint(transport).host]
            + [str(value) for value in (listener.endpoint(transport).port, transport, SENDERS, MESSAGES, name)],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name, transport in enumerate(transports)
    ]
    totals: Counter[str] = Counter()
    for process in processes:
        told, _ = process.communicate()
        assert process.returncode == 0
        totals.update(json.loads(told))
    return totals


@pytest.mark.parametrize(
    "transports", [["udp"] * PROCESSES, ["tcp"] * PROCESSES, ["udp", "tcp"] * (PROCESSES // 2)], ids=" ".join
)
def test_two_hundred_senders(listen: Listening, transports: list[str]) -> None:
    kinds = sorted(set(transports))
    listener = listen("both" if len(kinds) > 1 else kinds[0])
    totals = crowd(listener, transports)
    assert totals["DELIVERED"] == totals["messages_sent"] == ALL
    assert (totals["UNCONFIRMED"], totals["REFUSED"], totals["malformed"]) == (0, 0, 0)
    if kinds == ["tcp"]:
        said = goodbyes(listener, PROCESSES * SENDERS)
    else:
        said = listener.wait_for(Goodbye, PROCESSES * SENDERS)
    came = Counter(listener.payloads(ALL))
    assert came == Counter(
        f"{name} {number} {message}".encode()
        for name in range(PROCESSES)
        for number in range(SENDERS)
        for message in range(MESSAGES)
    )
    assert {(goodbye.messages_sent, goodbye.messages_lost) for goodbye in said} == {(MESSAGES, 0)}
    assert len({message.session for message in listener.of(Message)}) == PROCESSES * SENDERS
    statistics = listener.receiver.statistics()
    assert statistics.sessions == totals["senders"] == PROCESSES * SENDERS
    assert statistics.messages_sent == statistics.messages_delivered == ALL
    assert statistics.messages_lost == statistics.messages_missing == statistics.malformed == statistics.raw_messages == 0
    assert statistics.payload_bytes == totals["payload_bytes"]
    if kinds == ["tcp"]:
        assert statistics.duplicates == statistics.over_limit == totals["retransmissions"] == 0
    else:
        assert statistics.duplicates <= totals["retransmissions"]
