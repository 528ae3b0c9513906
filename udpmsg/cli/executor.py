"""`listen --exec`: a command for each message, some at once, beside the listener's loop.

The message is the command's standard input, its standard output is the reply, and UDPMSG_PEER and UDPMSG_SEQUENCE tell whose
it is. Nothing of a message ever becomes part of the command itself. Owns the threads and the processes; knows no socket.

A command that prints more than the largest reply is ended. At most WORKERS outputs are kept at once: the next command starts when
the listener has taken one.
"""

import contextlib
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import IO

from udpmsg.base import clock
from udpmsg.base.durations import SECOND
from udpmsg.base.language import _
from udpmsg.cli.answering import WAITING, WAITING_BYTES, Answerer, Reply, cost_of, name_of
from udpmsg.core.budget import Budget
from udpmsg.core.events import Message
from udpmsg.show.terminal import peer_name

TIME_LIMIT = 10.0
"""Seconds that one command may take."""
WORKERS = 8
"""At most so many commands run at once, or have a reply that the listener has not taken."""
PIECE = 64 << 10
"""Bytes of output read at one go: as much as a pipe holds."""


class Executor(Answerer):
    """Runs the command in a few threads; `wake` is called when a reply is there. A reply has at most `largest` bytes."""

    def __init__(self, command: str, wake: Callable[[], None], largest: int) -> None:
        self.command = command
        self.largest = largest
        self.troubles: queue.SimpleQueue[str] = queue.SimpleQueue()
        """Sentences for the listener to say: what went wrong."""
        self._wake = wake
        self._jobs: queue.Queue[Message | None] = queue.Queue(WAITING)
        self._waiting = Budget(WAITING_BYTES)
        """The memory of the messages without a reply."""
        self._done: queue.SimpleQueue[tuple[Message, bytes | None]] = queue.SimpleQueue()
        self._outputs = threading.Semaphore(WORKERS)
        """How many more outputs may be kept."""
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._pending = 0
        self._threads = 0

    @property
    def pending(self) -> int:
        """Messages whose command has not ended, or whose reply was not taken."""
        return self._pending

    def take(self, message: Message) -> None:
        """Run a command for it."""
        if self._threads < WORKERS:
            self._threads += 1
            threading.Thread(target=self._work, name=f"--exec {self._threads}", daemon=True).start()
        if self._jobs.full() or not self._waiting.charge(cost_of(message)):
            text = _("{} stays unanswered: {} others wait for --exec already")
            self.troubles.put(text.format(name_of(message), self._jobs.qsize()))
            return
        self._jobs.put_nowait(message)
        self._pending += 1

    def ready(self) -> Iterator[Reply]:
        """The replies of the commands that have ended. A command that failed without output gives none."""
        while True:
            try:
                message, output = self._done.get_nowait()
            except queue.Empty:
                return
            self._pending -= 1
            self._waiting.give_back(cost_of(message))
            if output is not None:
                yield message, output
            self._outputs.release()

    def close(self) -> None:
        """Kill what still runs."""
        with self._lock:
            self._closed = True
            for process in self._running:
                _kill(process)

    def _work(self) -> None:
        while (message := self._jobs.get()) is not None:
            self._outputs.acquire()
            output = None
            try:
                output = self._run(message)
            except OSError as error:
                text = _("--exec for {} could not start: {}")
                self.troubles.put(text.format(name_of(message), _(error.strerror or str(error))))
            self._done.put((message, output))
            self._wake()

    def _run(self, message: Message) -> bytes | None:
        environment = os.environ | {
            "UDPMSG_PEER": peer_name(message.peer),
            "UDPMSG_SEQUENCE": "" if message.sequence is None else str(message.sequence),
        }
        with self._lock:
            if self._closed:
                return None
            process = subprocess.Popen(
                self.command,
                shell=True,  # the command is the user's own, written on the command line
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                start_new_session=os.name == "posix",  # so that the time limit ends its children too
            )
            self._running.add(process)
        try:
            output, trouble = self._converse(process, message)
        finally:
            with self._lock:
                self._running.discard(process)
        if trouble is None and process.returncode and not self._closed:
            trouble = _("--exec for {} ended with exit code {}").format(name_of(message), process.returncode)
            output = output or None
        if trouble is not None:
            self.troubles.put(trouble)
        return output

    def _converse(self, process: "subprocess.Popen[bytes]", message: Message) -> tuple[bytes | None, str | None]:
        """Give the command the message and wait for its end; return what it printed, or why it was ended."""
        assert process.stdin is not None
        assert process.stdout is not None
        until = clock.now() + int(TIME_LIMIT * SECOND)
        output = bytearray()
        # In threads that may be left behind: a child process that left the group may hold the pipes for ever.
        threading.Thread(target=feed, args=(process.stdin, message.payload), daemon=True).start()
        reader = threading.Thread(target=gather, args=(process.stdout, output, self.largest + 1), daemon=True)
        reader.start()
        reader.join(TIME_LIMIT)
        if len(output) > self.largest:
            text = _("--exec for {} printed more than {} bytes; it was ended and gets no reply")
            trouble = text.format(name_of(message), self.largest)
        elif reader.is_alive() or not has_ended(process, until):
            text = _("--exec for {} was ended after {} s; it gets no reply")
            trouble = text.format(name_of(message), f"{TIME_LIMIT:g}")
        else:
            return bytes(output), None
        _kill(process)
        process.wait()
        return None, trouble


def feed(pipe: IO[bytes], data: bytes) -> None:
    """Give a command its input, which it need not read."""
    with contextlib.suppress(OSError), pipe:
        pipe.write(data)


def gather(pipe: IO[bytes], output: bytearray, most: int) -> None:
    """Keep what a command prints, up to so many bytes."""
    with pipe:
        while len(output) < most and (piece := os.read(pipe.fileno(), min(PIECE, most - len(output)))):
            output += piece


def has_ended(process: "subprocess.Popen[bytes]", until: int) -> bool:
    """Wait for its end until then; return whether it came."""
    try:
        process.wait(max(until - clock.now(), 0) / SECOND)
    except subprocess.TimeoutExpired:
        return False
    return True


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(OSError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
