"""A script around `--json`: round trips to a listener, as a histogram.

    udpmsg listen --once
    python examples/round_trips.py 127.0.0.1 5000           in a second terminal

With --json standard output has one JSON object per line, and each says in `event` what it is. Words for people are on standard
error, and the exit code is the same as without --json. So this needs nothing but a process and its lines; in a shell jq does it:

    udpmsg send 127.0.0.1 hello --ack --count 100 --json | jq 'select(.event == "acknowledged").rtt_s'
"""

import json
import subprocess
import sys
from collections import Counter

COUNT = 100
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 1000)  # milliseconds


def step(milliseconds: float) -> float:
    """The first step that is not below it."""
    return next((step for step in STEPS if milliseconds <= step), STEPS[-1])


def main(host: str, port: str) -> int:
    command = [sys.executable, "-m", "udpmsg", "send", host, "--port", port, "hello", "--ack", "--json"]
    command += ["--count", str(COUNT), "--rate", "100/s"]
    histogram: Counter[float] = Counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sending:
        for line in sending.stdout or ():
            event = json.loads(line)
            if event["event"] == "acknowledged" and event["rtt_s"] is not None:  # it is not known where it would be a guess
                histogram[step(event["rtt_s"] * 1000)] += 1
            elif event["event"] == "summary":
                print(f"{event['messages_delivered']} of {event['messages_sent']} delivered")
    for limit in sorted(histogram):
        print(f"up to {limit:>6g} ms  {'█' * (histogram[limit] * 50 // COUNT)} {histogram[limit]}")
    return sending.returncode


if len(sys.argv) != 3:
    sys.exit(__doc__)
sys.exit(main(*sys.argv[1:]))
