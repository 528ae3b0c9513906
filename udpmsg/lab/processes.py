"""Child processes that do as they are told: started by a fork, told a function and its arguments, and gone when we are gone.

Owns the fork, the connection to the child, and its end, whatever that is. Knows neither namespaces nor what the functions do.
A child has no work of its own: `call` runs a function in it as `function(connection, *arguments)`, which may send and be sent
values on the way; what it returns is `result`. POSIX alone, like fork.
"""

import ctypes
import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from time import sleep
from typing import Any, NamedTuple, NoReturn

from udpmsg.base import clock
from udpmsg.base.durations import SECOND
from udpmsg.base.errors import Phrase, UdpmsgError

PR_SET_PDEATHSIG = 1
PR_SET_TIMERSLACK = 29
"""Linux, prctl.h."""
END_GRACE = 2.0
"""Seconds that a child has to end by itself once nobody tells it anything more."""

Work = Callable[..., Any]


class ChildFailed(UdpmsgError):
    """A child ended before its work did, or its work raised."""


class Call(NamedTuple):
    """What a child is to run."""

    function: Work
    arguments: tuple[Any, ...]


class Child:
    """One child process, seen from its parent."""

    def __init__(self, name: str, pid: int | None, connection: Connection) -> None:
        self.name = name
        """What it is, marked for the catalogues where it is given."""
        self.pid = pid
        """None: it is no child of ours but of another child, and ends with that."""
        self.connection = connection
        self._kept: tuple[str | None, Any] | None = None
        """What came and was not asked for yet."""

    def call(self, function: Work, *arguments: Any) -> None:
        """Have the child run `function(connection, *arguments)`; a function of a module, so that it has a name there too."""
        self.tell(Call(function, arguments))

    def tell(self, value: Any) -> None:
        """Send the child a value. Raises ChildFailed when it is gone."""
        try:
            self.connection.send(value)
        except OSError:
            raise ChildFailed("the {} ended unexpectedly", Phrase(self.name)) from None

    def hear(self, timeout: float | None = None) -> Any:
        """The next value that its function sent; None after `timeout` seconds without one. Raises ChildFailed."""
        kind, value = self._receive(timeout)
        if kind == "result":
            raise ChildFailed("the {} ended its work without an answer", Phrase(self.name))
        return value

    def result(self, timeout: float | None = None, *, meanwhile: Callable[[Any], None] | None = None) -> Any:
        """What its function returned; values that it sends before go to `meanwhile`. Raises ChildFailed, also after `timeout`."""
        until = None if timeout is None else clock.now() + int(timeout * SECOND)
        while True:
            left = None if until is None else max(0, until - clock.now()) / SECOND
            kind, value = self._receive(left)
            if kind == "result":
                return value
            if kind is None:
                raise ChildFailed("the {} did not end its work within {:g} s", Phrase(self.name), timeout)
            if meanwhile is not None:
                meanwhile(value)

    def finished(self, timeout: float, meanwhile: Callable[[Any], None]) -> bool:
        """Whether its result is there; waits up to `timeout` seconds for one value, which goes to `meanwhile` if it is none."""
        kind, value = self._receive(timeout)
        if kind == "result":
            self._kept = kind, value
        elif kind is not None:
            meanwhile(value)
        return kind == "result"

    def check(self) -> None:
        """Raise ChildFailed when it is gone or its work has failed, though nobody waits for it just now."""
        if self._kept is None and self.connection.poll(0):
            self._kept = self._receive(0)

    def end(self, grace: float = END_GRACE) -> None:
        """Close the connection, by which it ends; kill it when it does not within `grace` seconds."""
        self.connection.close()
        if self.pid is not None:
            reap(self.pid, grace)
            self.pid = None

    def _receive(self, timeout: float | None) -> tuple[str | None, Any]:
        if self._kept is not None:
            kept, self._kept = self._kept, None
            return kept
        try:
            if not self.connection.poll(timeout):
                return None, None
            kind, value = self.connection.recv()
        except (EOFError, OSError):
            raise ChildFailed("the {} ended unexpectedly", Phrase(self.name)) from None
        if kind == "raised":
            if isinstance(value, OSError):
                raise ChildFailed("the {} failed: {}", Phrase(self.name), Phrase(value.strerror or str(value)))
            raise value if isinstance(value, UdpmsgError) else ChildFailed("the {} failed:\n{}", Phrase(self.name), value)
        return kind, value


class Told:
    """The connection as a child's function has it: `send` tells the parent a value, `recv` takes one, `poll` looks for one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def send(self, value: Any) -> None:
        """Tell the parent something on the way."""
        self._connection.send(("said", value))

    def poll(self, timeout: float = 0.0) -> bool:
        """Whether the parent has said something, or is gone."""
        return self._connection.poll(timeout)

    def recv(self) -> Any:
        """What the parent says next. Raises EOFError when it is gone."""
        return self._connection.recv()

    def fileno(self) -> int:
        """For a selector."""
        return self._connection.fileno()


def start(name: str, *, prepare: Callable[[], None] | None = None, keep: Iterable[int] = ()) -> Child:
    """Fork a child that waits for calls. `prepare` runs in it first, and is the first `result`.

    `keep`: descriptors that it needs besides its connection.
    """
    ours, theirs = Pipe()
    parent = os.getpid()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # None: closed by the program that started us
            stream.flush()
    # A signal on the way would find the parent's handlers in the child, and its stack: it waits until the child has its own.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    try:
        pid = os.fork()
        if pid == 0:
            live(theirs, parent, prepare, keep)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    theirs.close()
    return Child(name, pid, ours)


def live(connection: Connection, parent: int, prepare: Callable[[], None] | None, keep: Iterable[int]) -> NoReturn:
    """The child's life, from the fork to its end. Never returns: what the parent had on its stack is not the child's."""
    code = 1
    try:
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides what ends
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
        close_others({connection.fileno(), *keep})
        gc.freeze()  # what is inherited stays: a garbage collection would walk, and so copy, the parent's memory
        die_with(parent)
        serve(connection, prepare)
        code = 0
    except (EOFError, OSError):  # the parent is gone or tells nothing more
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def serve(connection: Connection, prepare: Callable[[], None] | None) -> None:
    """Prepare, if there is something to prepare; then run what the parent asks for, one after another, until it is gone."""
    told = Told(connection)
    if prepare is not None:
        connection.send(outcome_of(prepare))
    while True:
        call = connection.recv()
        if isinstance(call, Call):  # anything else was said to a function that had ended by then
            connection.send(outcome_of(partial(call.function, told, *call.arguments)))


def outcome_of(work: Callable[[], Any]) -> tuple[str, Any]:
    """What the work returned or raised, as the parent is told it. Raises EOFError when the parent went away meanwhile."""
    try:
        return "result", work()
    except (UdpmsgError, OSError) as error:
        return "raised", error
    except EOFError:
        raise
    except Exception:
        return "raised", traceback.format_exc()


def close_others(kept: set[int]) -> None:
    """Close every inherited descriptor but the standard ones and those kept: siblings must not hold each other's connections."""
    first = 3
    for descriptor in sorted(kept):
        os.closerange(first, descriptor)
        first = descriptor + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, however it ends; to be said again after a change of credentials."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() not in (parent, 0):  # it ended before that was said (0: it is outside of our process namespace)
        os._exit(1)


def reap(pid: int, grace: float) -> None:
    """Wait for a child of ours to end, and kill it after `grace` seconds."""
    until = clock.now() + int(grace * SECOND)
    while clock.now() < until:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return
        sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def sharpen_timers() -> None:
    """Ask the kernel to end waits within a microsecond of their time (it may take 50 otherwise)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0)
