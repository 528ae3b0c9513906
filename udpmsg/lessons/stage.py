"""Where a lesson runs: what it says while it runs, at which pace, the sockets that it leaves behind, and words for what they give.

Owns the order "wait for the class, say, do", and the closing of every socket. Knows no lesson, and neither terminal nor keys: it
is given what says and what waits. Every wait of a lesson is bounded by these sockets' timeouts.
"""

import errno
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack

from udpmsg.base.closing import Closing
from udpmsg.base.language import _
from udpmsg.sockets.endpoint import LOOPBACK as LOOPBACK

PATIENCE = 2.0
"""Seconds after which a wait on a socket of the stage ends with TimeoutError: for what comes at once on one machine."""
SILENCE = 0.3
"""Seconds without an answer that a lesson calls silence: on loopback an answer takes less than a millisecond."""
LARGEST = 2048
"""Bytes of a read that is larger than everything that lessons send as text."""
END, SILENT = "end", "silence"
"""What a read gave where no bytes came: the end of a stream, and nothing for so long that it is called silence."""
SENT, REFUSED, ANSWERED = "sent", "refused", "answered"
"""What became of a message."""


class Stopped(Exception):
    """Somebody ended the lesson: Ctrl-C."""


class Stage(Closing):
    """One run's surroundings."""

    def __init__(
        self,
        *,
        say: Callable[[str], None] = lambda _text: None,
        pace: Callable[[], None] = lambda: None,
        stopped: Callable[[], bool] = lambda: False,
        system: str = sys.platform,
    ) -> None:
        """`say` is given each line; `pace` waits before each step, for a key or a time; `stopped`: somebody ended it."""
        self.system = system
        self.stopped = stopped
        self._say = say
        self._pace = pace
        self._kept = ExitStack()

    def step(self, text: str) -> None:
        """Announce what is done next, when the class is ready for it. Raises Stopped."""
        self._pace()
        if self.stopped():
            raise Stopped
        self._say(text)

    def say(self, text: str) -> None:
        """Tell what was seen just now, as a line below its step."""
        self._say(f"  {text}")

    # Sockets, all on loopback. They are plain ones: a lesson calls them as its class would.

    def udp(self) -> socket.socket:
        """A UDP socket with a timeout, closed when the stage is left."""
        return self._prepared(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))

    def udp_listener(self) -> socket.socket:
        """The same, bound to a port of its own."""
        listener = self.udp()
        listener.bind((LOOPBACK, 0))
        return listener

    def tcp(self) -> socket.socket:
        """A TCP socket with a timeout, closed when the stage is left."""
        return self._prepared(socket.socket(socket.AF_INET, socket.SOCK_STREAM))

    def tcp_listener(self) -> socket.socket:
        """The same, listening on a port of its own."""
        listener = self.tcp()
        listener.bind((LOOPBACK, 0))
        listener.listen()
        return listener

    def tcp_pair(self) -> tuple[socket.socket, socket.socket]:
        """Both ends of a new connection: the sender, which connected, and the receiver, which accepted it."""
        listener, sender = self.tcp_listener(), self.tcp()
        sender.connect(listener.getsockname())
        return sender, self.accepted(listener)

    def accepted(self, listener: socket.socket) -> socket.socket:
        """The next connection of a listener, with a timeout, closed when the stage is left."""
        connection, _peer = listener.accept()
        return self._prepared(connection)

    def on_one_port(self) -> tuple[socket.socket, socket.socket]:
        """A UDP and a TCP socket that are bound to one port, which was free for both; neither listens yet."""
        for _attempt in range(100):
            udp, tcp = self.udp(), self.tcp()
            tcp.bind((LOOPBACK, 0))
            try:
                udp.bind(tcp.getsockname())
            except OSError:
                continue  # somebody's UDP socket has this port
            return udp, tcp
        raise OSError("no port is free over both UDP and TCP")

    def address_of_nobody(self) -> tuple[str, int]:
        """An address where nobody listens, over UDP and over TCP, and nobody can begin to while the stage lasts.

        A bound TCP socket that does not listen refuses connections; a UDP socket that is connected to itself refuses
        what everybody else sends.
        """
        udp, tcp = self.on_one_port()
        address: tuple[str, int] = tcp.getsockname()
        udp.connect(address)
        return address

    def _prepared(self, opened: socket.socket) -> socket.socket:
        self._kept.callback(opened.close)
        opened.settimeout(PATIENCE)
        return opened

    def close(self) -> None:
        """Close what is open."""
        self._kept.close()


def reading(receiver: socket.socket) -> str:
    """What a read gives within the time that is called silence: the text, END, SILENT, or the error's name."""
    receiver.settimeout(SILENCE)
    try:
        return receiver.recv(LARGEST).decode() or END
    except TimeoutError:
        return SILENT
    except OSError as error:
        return error_name(error)


def word_for(read: str) -> str:
    """What a read gave, or what became of a message, in the language that is spoken; a text is quoted."""
    if read in errno.errorcode.values():
        return read
    words = {
        END: _("the end of the stream"),
        SILENT: _("silence"),
        SENT: _("sent"),
        REFUSED: _("refused"),
        ANSWERED: _("answered"),
    }
    return words.get(read, f"“{read}”")


def error_name(error: OSError) -> str:
    """An error's name, the same on every system, such as EADDRINUSE."""
    return errno.errorcode.get(error.errno or 0, str(error.errno)).removeprefix("WSA")
