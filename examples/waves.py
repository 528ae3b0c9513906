"""A microphone's samples as arrays, and a plot that moves while they come. Needs NumPy; a window needs matplotlib too.

    python examples/waves.py plot 5000                  in the terminal; with window instead of plot in a window
    python examples/waves.py play 127.0.0.1 5000        in a second terminal: three seconds of sound

A message has 240 samples: a row of the array that is sent, and of the one that comes. An empty message is the end.
"""

import sys
import time

import numpy as np

from udpmsg import Receiver, Sender


def play(host: str, port: int) -> None:
    times = np.arange(3 * 48_000) / 48_000
    sound = np.sin(2 * np.pi * 440 * times) * np.sin(np.pi * times)  # an A that comes and goes
    with Sender(host, port) as sender:
        for part in np.split(sound.astype("<f4"), 60):  # each of 50 ms
            sender.send_array(part.reshape(-1, 240))
            time.sleep(0.05)
        sender.send(b"")


def plot(port: int, window: bool) -> None:
    if window:
        import matplotlib.pyplot as plt

        (line,) = plt.plot(np.linspace(-1, 1, 240))
    shown, came = " " * 60, 0
    with Receiver("127.0.0.1", port) as receiver:
        print("Waiting for samples", flush=True)
        for batch in receiver.batches():
            if not batch.payloads.size:
                break
            samples = batch.payloads.view("<f4")  # no copy: make one of what is to stay when the next batch comes
            came += len(batch)
            shown = shown[1:] + " ▁▂▃▄▅▆▇█"[int(abs(samples).max() * 8.9)]
            print("\r" + shown, end="", flush=True)
            if window:
                line.set_ydata(samples[-1])
                plt.pause(0.001)
    print(f"\n{came} messages came in {batch.sent_at[-1] / 1e6:.0f} s, {batch.sequences[-1] - 1 - came} were lost")


if len(sys.argv) not in (3, 4):
    sys.exit(__doc__)
play(sys.argv[2], int(sys.argv[3])) if sys.argv[1] == "play" else plot(int(sys.argv[2]), sys.argv[1] == "window")
