"""The lesson `goodbye`: how a receiver learns that the sender has ended: by the stream's end, by a word, or not at all."""

import select
import socket
from dataclasses import dataclass

from udpmsg.base.language import _
from udpmsg.core.events import Goodbye, Message
from udpmsg.lessons.lesson import Illustration, Observations, Predicates, table
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
    return Seen(*over_udp(stage, word, polite), *counted(stage, lost), *over_tcp(stage, closes))


def over_udp(stage: Stage, word: bytes, polite: bool) -> tuple[str, str, str]:
    """Three senders: one that pauses, one that is gone, and one that says so before."""
    stage.step(_("UDP: three messages, and then the sender thinks"))
    paused = after_all(stage)
    stage.step(_("UDP: three messages, and then the sender closes its socket and is gone"))
    closed = after_all(stage, last=WORD if polite else b"", closes=True)
    stage.step(_("UDP: three messages, and then the word “{}”").format(WORD.decode()))
    return paused, closed, after_all(stage, last=word, closes=True)


def after_all(stage: Stage, *, last: bytes = b"", closes: bool = False) -> str:
    """Send the messages, one word more if there is one, and close if told so; what is read after the messages."""
    receiver, sender = stage.udp_listener(), stage.udp()
    for message in (*MESSAGES, *((last,) if last else ())):
        sender.sendto(message, receiver.getsockname())
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
    sender, receiver = sent_by_tcp(stage)
    paused = read_after_all(stage, receiver)
    stage.step(_("TCP: three messages, and then the sender ends its side, and still reads"))
    sender, receiver = sent_by_tcp(stage)
    if not closes:
        return paused, read_after_all(stage, receiver), None
    sender.shutdown(socket.SHUT_WR)
    closed = read_after_all(stage, receiver)
    receiver.sendall(ANSWER)
    answer = sender.recv(LARGEST).decode()
    stage.say(_("the sender, which has ended, reads: {}").format(answer))
    return paused, closed, answer


def sent_by_tcp(stage: Stage) -> tuple[socket.socket, socket.socket]:
    """Both ends of a connection over which the messages were sent."""
    sender, receiver = stage.tcp_pair()
    for message in MESSAGES:
        sender.sendall(message)
    return sender, receiver


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


EXPECTED: Predicates[Seen] = {
    "udp-end-looks-like-a-pause": lambda seen: seen.udp_paused == SILENT == seen.udp_closed,
    "udp-a-word-is-an-end": lambda seen: seen.udp_with_word == WORD.decode(),
    "goodbye-has-a-count": lambda seen: (
        seen.counted_sent == len(MESSAGES) and seen.counted_lost == 1 and seen.counted_messages_read == 2
    ),
    "tcp-end-is-read": lambda seen: seen.tcp_paused == SILENT and seen.tcp_closed == END,
    "tcp-ends-one-way": lambda seen: seen.tcp_closed == END and seen.tcp_answer_after_end == ANSWER.decode(),
}
