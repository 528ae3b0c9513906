"""`listen --exec`: a command for each message, some at once, beside the listener's loop.

The message is the command's standard input, its standard output is the reply, and UDPMSG_PEER and UDPMSG_SEQUENCE tell whose
it is. Nothing of a message ever becomes part of the command itself. Owns the threads and the processes; knows no socket.
"""

import contextlib
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator

from udpmsg.cli.answering import WAITING, Reply, name_of
from udpmsg.core.events import Message
from udpmsg.language import _
from udpmsg.report.terminal import peer_name

TIME_LIMIT = 10.0
"""Seconds that one command may take."""
WORKERS = 8
"""Commands that run at once."""


class Executor:
    """Runs the command in a few threads; `wake` is called when a reply is there."""

    def __init__(self, command: str, wake: Callable[[], None]) -> None:
        self.command = command
        self.troubles: queue.SimpleQueue[str] = queue.SimpleQueue()
        """What went wrong, in sentences, for the listener to say."""
        self._wake = wake
        self._jobs: queue.Queue[Message | None] = queue.Queue(WAITING)
        self._done: queue.SimpleQueue[tuple[Message, bytes | None]] = queue.SimpleQueue()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._closed = False
        self.pending = 0
        self._threads = 0

    def take(self, message: Message) -> None:
        """Have a command run for it."""
        if self._threads < WORKERS:
            self._threads += 1
            threading.Thread(target=self._work, name=f"--exec {self._threads}", daemon=True).start()
        try:
            self._jobs.put_nowait(message)
            self.pending += 1
        except queue.Full:
            text = _("{} stays unanswered: {} others wait for --exec already")
            self.troubles.put(text.format(name_of(message), WAITING))

    def ready(self) -> Iterator[Reply]:
        """The replies of the commands that have ended; one that failed without output gives none."""
        while True:
            try:
                message, output = self._done.get_nowait()
            except queue.Empty:
                return
            self.pending -= 1
            if output is not None:
                yield message, output

    def close(self) -> None:
        """Kill what still runs."""
        with self._lock:
            self._closed = True
            for process in self._running:
                _kill(process)

    def _work(self) -> None:
        while (message := self._jobs.get()) is not None:
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
            output = process.communicate(message.payload, timeout=TIME_LIMIT)[0]
        except subprocess.TimeoutExpired:
            _kill(process)
            for pipe in (process.stdin, process.stdout):  # a child that left the group may hold them open for ever
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
            process.wait()
            text = _("--exec for {} was ended after {} s; it gets no reply")
            self.troubles.put(text.format(name_of(message), f"{TIME_LIMIT:g}"))
            return None
        finally:
            with self._lock:
                self._running.discard(process)
        if process.returncode and not self._closed:
            self.troubles.put(_("--exec for {} ended with exit code {}").format(name_of(message), process.returncode))
            return output or None
        return output


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(OSError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
