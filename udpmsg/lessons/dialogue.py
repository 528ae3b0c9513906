"""The lesson `dialogue`: clients that ask and a server that answers, a word that ends the client, and one that ends the server."""

import socket
from dataclasses import dataclass

from udpmsg.base.language import _
from udpmsg.lessons.lesson import Illustration, Observations, Predicates, table
from udpmsg.lessons.stage import ANSWERED, LARGEST, REFUSED, SILENCE, SILENT, Stage, word_for

FAREWELL, STOP = "bye", "stop"
Turn = tuple[int, str, str | None]
"""The client's number, from 1, what it says, and what it is answered, if anything."""


@dataclass(frozen=True)
class Seen(Observations):
    """The two dialogues."""

    udp_turns: tuple[Turn, ...]
    udp_server_ended: bool
    udp_afterwards: str | None
    """What one more client gets afterwards: "silence", "refused" or "answered"; None: the server is still there."""
    tcp_turns: tuple[Turn, ...]
    tcp_server_ended: bool
    tcp_afterwards: str | None


class OverUdp:
    """One server, and one client at a time. The server has one socket; each question comes with the address to answer."""

    def __init__(self, stage: Stage) -> None:
        """Open the server's socket."""
        self.stage = stage
        self.server, self.client = self.listener(), stage.udp()
        self.address: tuple[str, int] = self.server.getsockname()
        self.peer = self.address

    def listener(self) -> socket.socket:
        """The server's socket."""
        return self.stage.udp_listener()

    def begin(self) -> None:
        """A client appears."""
        self.client = self.stage.udp()

    def say(self, text: str) -> None:
        """The client says something."""
        self.client.sendto(text.encode(), self.address)

    def hear(self) -> str:
        """The server reads it."""
        question, self.peer = self.server.recvfrom(LARGEST)
        return question.decode()

    def answer(self, text: str) -> None:
        """The server answers."""
        self.server.sendto(text.encode(), self.peer)

    def read(self) -> str | None:
        """What the client is answered; None: silence."""
        self.client.settimeout(SILENCE)
        try:
            return self.message()
        except TimeoutError:
            return None

    def message(self) -> str:
        """The next one that comes to the client."""
        return self.client.recv(LARGEST).decode()

    def end(self) -> None:
        """The client ends."""
        self.client.close()

    def try_again(self) -> str:
        """What a client gets that comes afterwards."""
        self.begin()
        self.say("hello?")
        try:
            return SILENT if self.read() is None else ANSWERED
        except OSError:  # Windows tells of the refusal
            return REFUSED


class OverTcp(OverUdp):
    """The same with a connection for each client; a message is a line, because a stream has no boundaries."""

    connection: socket.socket

    def listener(self) -> socket.socket:
        """The socket that listens."""
        return self.stage.tcp_listener()

    def begin(self) -> None:
        """A client connects."""
        self.client = self.stage.tcp()
        self.client.connect(self.address)
        self.connection = self.stage.accepted(self.server)

    def say(self, text: str) -> None:
        """The client writes a line."""
        self.client.sendall(f"{text}\n".encode())

    def hear(self) -> str:
        """The server reads one."""
        return line_from(self.connection)

    def answer(self, text: str) -> None:
        """The server writes one."""
        self.connection.sendall(f"{text}\n".encode())

    def message(self) -> str:
        """The next line that comes to the client."""
        return line_from(self.client)

    def end(self) -> None:
        """Both ends of the connection."""
        super().end()
        self.connection.close()

    def try_again(self) -> str:
        """Whether one that comes afterwards can connect."""
        try:
            self.stage.tcp().connect(self.address)
        except ConnectionRefusedError:
            return REFUSED
        return ANSWERED


def run(stage: Stage, *, farewell: str = FAREWELL, stop: str = STOP, answers: bool = True) -> Seen:
    """`farewell`, `stop`: what the clients say as the two words; `answers`: whether the server answers."""
    clients = (("hello", "how are you?", farewell), ("hello again", stop))
    stage.step(_("UDP: two clients, one after the other, talk to one server"))
    udp = dialogue(stage, OverUdp(stage), clients, answers)
    stage.step(_("TCP: the same, with a connection for each client and a line for each message"))
    return Seen(*udp, *dialogue(stage, OverTcp(stage), clients, answers))


def dialogue(
    stage: Stage, parties: OverUdp, clients: tuple[tuple[str, ...], ...], answers: bool
) -> tuple[tuple[Turn, ...], bool, str | None]:
    """All clients' turns, whether the server ended, and what comes then."""
    turns: list[Turn] = []
    stopped = False
    for number, texts in enumerate(clients, 1):
        parties.begin()
        for text in texts:
            parties.say(text)
            question = parties.hear()
            answer = None
            if question == STOP:
                stopped = True
            elif question != FAREWELL:
                if answers:
                    parties.answer(answer_to(question))
                answer = parties.read()
            turns.append((number, text, answer))
            stage.say(_("client {}: “{}” -> {}").format(number, text, told(turns[-1])))
        parties.end()
    if not stopped:
        return tuple(turns), False, None
    parties.server.close()
    afterwards = parties.try_again()
    stage.say(_("one more client gets: {}").format(word_for(afterwards)))
    return tuple(turns), True, afterwards


def answer_to(question: str) -> str:
    """What the server says to everything."""
    return question.upper()


def line_from(stream: socket.socket) -> str:
    """Read up to a line's end."""
    data = b""
    while not data.endswith(b"\n") and (more := stream.recv(LARGEST)):
        data += more
    return data.decode().rstrip("\n")


def told(turn: Turn) -> str:
    """What became of what a client said."""
    _number, text, answer = turn
    words = {FAREWELL: _("the client ends"), STOP: _("the server ends")}
    return f"“{answer}”" if answer is not None else words.get(text, _("silence"))


def shows(seen: Seen) -> tuple[Illustration, ...]:
    """Both dialogues, turn by turn."""
    rows: list[tuple[str, ...]] = [
        (str(udp[0]), udp[1], told(udp), told(tcp)) for udp, tcp in zip(seen.udp_turns, seen.tcp_turns, strict=False)
    ]
    after = (seen.udp_afterwards, seen.tcp_afterwards)
    rows.append(("3", "hello?", *("–" if outcome is None else word_for(outcome) for outcome in after)))
    return (table((_("client"), _("says"), _("over UDP"), _("over TCP")), tuple(rows)),)


def all_answered(turns: tuple[Turn, ...]) -> bool:
    """Whether every question has its answer; the two words are no questions."""
    questions = [(text, answer) for _client, text, answer in turns if text not in (FAREWELL, STOP)]
    return len(questions) > 2 and all(answer == answer_to(text) for text, answer in questions)


def ended_and_went_on(turns: tuple[Turn, ...]) -> bool:
    """Whether the first client ended by the word, and the second was answered."""
    return (1, FAREWELL, None) in turns and any(client == 2 and answer is not None for client, _text, answer in turns)


EXPECTED: Predicates[Seen] = {
    "answered": lambda seen: all_answered(seen.udp_turns) and all_answered(seen.tcp_turns),
    "farewell-ends-the-client": lambda seen: ended_and_went_on(seen.udp_turns) and ended_and_went_on(seen.tcp_turns),
    "stop-word-ends-the-server": lambda seen: seen.udp_server_ended and seen.tcp_server_ended,
    "nobody-afterwards": lambda seen: seen.udp_afterwards in (SILENT, REFUSED) and seen.tcp_afterwards == REFUSED,
}
