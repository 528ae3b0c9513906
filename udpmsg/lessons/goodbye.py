"""The lesson `goodbye`: how a receiver learns that the sender has ended: by the stream's end, by a word, or not at all."""

import select
import socket
from dataclasses import dataclass

from udpmsg.base.language import N_, _
from udpmsg.core.events import Goodbye, Message
from udpmsg.lessons.lesson import Expectation, Illustration, Lesson, Observations, Program, Quiz, Terminal, table
from udpmsg.lessons.stage import END, LARGEST, LOOPBACK, PATIENCE, SILENCE, SILENT, Stage, reading, word_for
from udpmsg.messaging.receiver import Receiver
from udpmsg.messaging.sender import Sender

MESSAGES = (b"one", b"two", b"three")
WORD = b"bye"
ANSWER = b"answer"
LOST = 3
"""The message that is lost before the counted goodbye: the last one, whose loss leaves no gap."""


@dataclass(frozen=True)
class Seen(Observations):
    """What the receiver's read gave after the last message: "end", "silence", or the bytes."""

    udp_paused: str
    """From a sender that only thinks."""
    udp_closed: str
    """From one that has closed its socket and is gone."""
    udp_with_word: str
    counted_messages_read: int
    counted_sent: int | None
    """What the goodbye says was sent; None: no goodbye came."""
    counted_lost: int | None
    tcp_paused: str
    tcp_closed: str
    tcp_answer_after_end: str | None
    """What the sender still read after it had ended its own side; None: it had not."""


def run(stage: Stage, *, word: bytes = WORD, polite: bool = False, lost: int = LOST, closes: bool = True) -> Seen:
    """`word`: the farewell; `polite`: the sender that closes without a word says it; `lost`: 0 for none; `closes`: TCP's senders end."""
    udp = over_udp(stage, word, polite)
    read, sent, missing = counted(stage, lost)
    tcp = over_tcp(stage, closes)
    return Seen(udp[0], udp[1], udp[2], read, sent, missing, tcp[0], tcp[1], tcp[2])


def over_udp(stage: Stage, word: bytes, polite: bool) -> tuple[str, str, str]:
    """Three senders: one that pauses, one that is gone, and one that says so before."""
    stage.step(_("UDP: three messages, and then the sender thinks"))
    receiver, sender = stage.udp_listener(), stage.udp()
    paused = after_all(stage, sender, receiver, receiver.getsockname())
    stage.step(_("UDP: three messages, and then the sender closes its socket and is gone"))
    receiver, sender = stage.udp_listener(), stage.udp()
    closed = after_all(stage, sender, receiver, receiver.getsockname(), last=WORD if polite else b"", closes=True)
    stage.step(_("UDP: three messages, and then the word “{}”").format(WORD.decode()))
    receiver, sender = stage.udp_listener(), stage.udp()
    with_word = after_all(stage, sender, receiver, receiver.getsockname(), last=word, closes=True)
    return paused, closed, with_word


def after_all(
    stage: Stage,
    sender: socket.socket,
    receiver: socket.socket,
    address: tuple[str, int] | None = None,
    *,
    last: bytes = b"",
    closes: bool = False,
) -> str:
    """Send the messages, one word more if there is one, and close if told so; what is read after the messages."""
    for message in (*MESSAGES, *((last,) if last else ())):
        if address is None:
            sender.sendall(message)
        else:
            sender.sendto(message, address)
    if closes:
        sender.close()
    return read_after_all(stage, receiver)


def read_after_all(stage: Stage, receiver: socket.socket) -> str:
    """What a read gives when the messages have been read."""
    size = sum(map(len, MESSAGES))
    while size > 0:
        size -= len(receiver.recv(size))
    told = reading(receiver)
    stage.say(_("after the third message the receiver reads: {}").format(word_for(told)))
    return told


def counted(stage: Stage, lost: int) -> tuple[int, int | None, int | None]:
    """udpmsg's goodbye, which says how many messages there were, with one of them dropped on the way."""
    stage.step(_("udpmsg over UDP: three messages, of which the last is lost, and a goodbye with their number"))
    way, out = stage.udp_listener(), stage.udp()
    with Receiver(LOOPBACK, 0) as receiver:
        target = (LOOPBACK, receiver.endpoints[0].port)
        sender = Sender(LOOPBACK, way.getsockname()[1])
        try:
            for message in MESSAGES:
                sender.send(message)
        finally:
            sender.close(wait=False)
        place = read = 0
        while select.select([way], [], [], SILENCE / 3)[0]:
            place += 1
            datagram = way.recv(LARGEST)
            if place != lost:
                out.sendto(datagram, target)
        while events := receiver.poll(PATIENCE):
            read += sum(isinstance(event, Message) for event in events)
            for event in events:
                if isinstance(event, Goodbye):
                    stage.say(
                        _("the receiver has {} messages; the goodbye says: {} sent, so {} lost").format(
                            read, event.messages_sent, event.messages_lost
                        )
                    )
                    return read, event.messages_sent, event.messages_lost
    return read, None, None


def over_tcp(stage: Stage, closes: bool) -> tuple[str, str, str | None]:
    """A sender that pauses, and one that ends its side and still listens."""
    stage.step(_("TCP: three messages, and then the sender thinks"))
    sender, receiver = stage.tcp_pair()
    paused = after_all(stage, sender, receiver)
    stage.step(_("TCP: three messages, and then the sender ends its side, and still reads"))
    sender, receiver = stage.tcp_pair()
    for message in MESSAGES:
        sender.sendall(message)
    if not closes:
        return paused, read_after_all(stage, receiver), None
    sender.shutdown(socket.SHUT_WR)
    closed = read_after_all(stage, receiver)
    receiver.sendall(ANSWER)
    answer = sender.recv(LARGEST).decode()
    stage.say(_("the sender, which has ended, reads: {}").format(answer))
    return paused, closed, answer


def shows(seen: Seen) -> tuple[Illustration, ...]:
    """What each sender did, and what the receiver could see of it."""
    count = "–" if seen.counted_sent is None else _("{} sent, {} lost").format(seen.counted_sent, seen.counted_lost)
    rows = (
        (_("thinks"), word_for(seen.udp_paused), word_for(seen.tcp_paused)),
        (_("ends without a word"), word_for(seen.udp_closed), word_for(seen.tcp_closed)),
        (_("says a word and ends"), word_for(seen.udp_with_word), ""),
        (_("says how many there were"), count, ""),
    )
    headings = (_("the sender"), _("UDP: the receiver reads"), _("TCP: the receiver reads"))
    return (table(headings, rows),)


LESSON = Lesson(
    title=N_("Goodbye"),
    question=Quiz(
        N_("A sender closes its socket and is gone. How does the receiver learn of it?"),
        (
            N_("Its read gives the end (no bytes), over both UDP and TCP."),
            N_("Its read fails, over both."),
            N_("Over TCP its read gives the end; over UDP it never learns, unless the sender said so before."),
            N_("Over TCP its read gives the end; over UDP an empty datagram comes."),
        ),
        2,
    ),
    run=run,
    expectations=(
        Expectation(
            "udp-end-looks-like-a-pause",
            N_("UDP: a sender that thinks and one that is gone look the same: silence."),
            lambda seen: seen.udp_paused == SILENT == seen.udp_closed,
            N_("the sender said a word before it closed, or somebody else sent something."),
        ),
        Expectation(
            "udp-a-word-is-an-end",
            N_("UDP: a word that both sides agreed on is an end: the receiver reads “bye”."),
            lambda seen: seen.udp_with_word == WORD.decode(),
            N_("nobody said it, or it was lost: a word is a datagram like any other."),
        ),
        Expectation(
            "goodbye-has-a-count",
            N_("UDP: a goodbye that says how many messages there were shows the loss of the last one, too."),
            lambda seen: seen.counted_sent == len(MESSAGES) and seen.counted_lost == 1 and seen.counted_messages_read == 2,
            N_("nothing was lost, or the goodbye itself was."),
        ),
        Expectation(
            "tcp-end-is-read",
            N_("TCP: the end is read as such, after the last byte; a pause is silence."),
            lambda seen: seen.tcp_paused == SILENT and seen.tcp_closed == END,
            N_("the sender did not close, or another process still has its socket open."),
        ),
        Expectation(
            "tcp-ends-one-way",
            N_("TCP: each direction ends by itself: a side that has ended can still read an answer."),
            lambda seen: seen.tcp_closed == END and seen.tcp_answer_after_end == ANSWER.decode(),
            N_("the sender did not end its side."),
        ),
    ),
    shows=shows,
    why=(
        N_("UDP's close tells its own system and nobody else: there is no datagram for it (RFC 768)."),
        N_(
            "So a receiver has to guess by a timeout, and guesses wrong when somebody just thinks for a long time, or the "
            "network is slow."
        ),
        N_("TCP's close sends a FIN, which has a number like a byte and is acknowledged and repeated like one (RFC 9293, 3.6)."),
        N_("It comes after all bytes, so a stream that has ended is whole, and it ends only one direction."),
        N_(
            "A word over UDP may be lost or overtaken. With a count it tells what is missing; with an acknowledgment its sender knows "
            "that it came; and a timeout is needed all the same, for a sender that crashed says nothing, over TCP as well."
        ),
    ),
    by_hand=(
        Terminal(("udpmsg listen --both",)),
        Terminal(
            ("udpmsg send 127.0.0.1 hello", "udpmsg send --raw 127.0.0.1 hello", "udpmsg send --tcp 127.0.0.1 hello"),
            N_("The listener shows goodbyes; raw datagrams have none."),
        ),
    ),
    program=Program(
        """
import socket
udp, tcp = socket.socket(type=socket.SOCK_DGRAM), socket.create_server(("127.0.0.1", 0))
udp.bind(("127.0.0.1", 0))
for listener in udp, tcp:
    sender = socket.socket(type=listener.type)
    sender.connect(listener.getsockname())
    receiver = udp if listener is udp else tcp.accept()[0]
    receiver.settimeout(0.3)
    sender.send(b"the last")
    sender.close()
    try:
        print(receiver.recv(100), "and then", receiver.recv(100))
    except TimeoutError:
        print("the last, and then silence")
""",
        ("the last, and then silence", "b'the last' and then b''"),
    ),
)
