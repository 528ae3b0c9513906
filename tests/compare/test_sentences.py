"""One sentence per mode: true in every case, with causes from the ledger alone."""

import pytest

from tests.compare.runs import MILLISECOND, comparison, message, received, run
from tests.compare.samples import sample
from udpmsg.compare.choices import Choices, Mode
from udpmsg.compare.reading import Reading, RunReading
from udpmsg.compare.sentences import disagreements, sentence
from udpmsg.compare.trace import Comparison, Trace, Where
from udpmsg.link.faults import Link, Path
from udpmsg.link.record import Drop
from udpmsg.link.script import parse_fault

WAY = Path(delay=20 * MILLISECOND)


def said(made: Trace, whole: Comparison | None = None) -> str:
    whole = whole or comparison(made)
    return sentence(RunReading(made, whole))


def of(*faults: str, count: int = 5, **options) -> list[str]:
    link = Link(WAY, WAY, tuple(parse_fault(fault) for fault in faults))
    whole = sample(count=count, link=link, **options)
    return [said(made, whole) for made in whole.runs]


def test_one_drop_in_three_modes() -> None:
    assert of("drop:data:2") == [
        "No handshake: the first message came after 20 ms; message 2 never came (dropped on the link: drop:data:2), and nobody "
        "told the sender.",
        "No handshake: the first message came after 20 ms; message 2 was sent again; all 5 were delivered, the slowest after "
        "120 ms.",
        "The handshake took 40 ms, so the first message came after 60 ms; one lost segment (message 2) held back 3 messages for "
        "280 ms; all 5 were delivered, the slowest after 320 ms.",
    ]


def test_no_loss_at_all() -> None:
    assert of() == [
        "No handshake: the first message came after 20 ms; all 5 were delivered.",
        "No handshake: the first message came after 20 ms; all 5 were delivered.",
        "The handshake took 40 ms, so the first message came after 60 ms; all 5 were delivered, the slowest after 60 ms.",
    ]


def test_one_message_and_two() -> None:
    assert [text.split("; ")[1] for text in of(count=1)] == ["it was delivered."] * 3
    assert of(count=2)[0].endswith("both were delivered.")


def test_many_losses_name_how_many_and_by_chance_needs_no_reason() -> None:
    whole = sample(count=100, seed=1)
    assert "5 of 100 never came (dropped on the link), and nobody told the sender" in said(whole.runs[0], whole)
    assert "5 were sent again; all 100 were delivered" in said(whole.runs[1], whole)
    assert "a lost segment (message 30) held back 5 messages for 100 ms, the worst of 5 gaps" in said(whole.runs[2], whole)


def test_all_lost() -> None:
    made = run(Mode.UDP, 3, [message(n, n, dropped=Drop.LOSS) for n in (1, 2, 3)])
    assert said(made) == "No handshake; all 3 messages never came (dropped on the link), and nobody told the sender."


def test_different_causes_are_counted() -> None:
    frames = [message(1, 0, dropped=Drop.LOSS), message(2, 20, dropped=Drop.LOSS), message(3, 40, dropped=Drop.QUEUE_FULL)]
    made = run(Mode.UDP, 4, [*frames, message(4, 60)], [received(4, 80)])
    assert "3 of 4 never came (2 dropped on the link, 1 queue full), and nobody" in said(made)


def test_a_corrupted_message_and_one_that_the_kernel_dropped() -> None:
    frames = [message(1, 0, corrupted=True), message(2, 20), message(3, 40)]
    made = run(Mode.UDP, 3, frames, [received(3, 60)], kernel_drops=2)
    text = said(made)
    assert "corrupted on the link" in text
    assert "kernel drop" in text


def test_a_cause_that_nobody_knows_is_called_unknown() -> None:
    made = run(Mode.UDP, 2, [message(1, 0), message(2, 20)], [received(1, 20)], kernel_drops=None)
    assert "message 2 never came (cause unknown), and nobody told the sender" in said(made)


def test_duplicates_and_reordering_of_udp() -> None:
    frames = [message(1, 0, arrives=90), message(2, 20, copies=2), message(3, 40)]
    arrivals = [received(2, 40), received(2, 40, duplicate=True), received(3, 60), received(1, 90)]
    text = said(run(Mode.UDP, 3, frames, arrivals))
    assert text.endswith("all 3 were delivered, the slowest after 90 ms; 1 came twice; 1 came out of order.")


def test_what_the_sender_knows_of_a_loss_with_acknowledgments() -> None:
    frames = [message(1, 0)] + [message(2, 20 + 200 * n, transmission=n + 1, dropped=Drop.LOSS) for n in range(8)]
    made = run(Mode.UDP_ACK, 2, frames, [received(1, 20)], retransmissions=7)
    made.sent[0].state = "delivered"
    made.sent[1].state, made.sent[1].reason = "unconfirmed", "no acknowledgment after 8 transmissions"
    text = said(made)
    assert "message 2 was sent again 7 times" in text
    assert "message 2 never came (dropped on the link), and the sender knows it only as unconfirmed" in text


def test_a_message_whose_acknowledgments_were_lost() -> None:
    made = run(Mode.UDP_ACK, 1, [message(1, 0)], [received(1, 20)])
    made.sent[0].state = "unconfirmed"
    text = said(made)
    assert "message 1 came, and the sender was not told (no acknowledgment came)" in text
    assert "never" not in text


def test_who_could_not_connect_sent_nothing() -> None:
    made = run(Mode.TCP, 3, [], error="cannot connect to 10.0.0.2 port 5000: no answer within 10 s", connect_ns=None)
    for message_ in made.sent:
        message_.sent_at = None
    assert said(made) == "Nothing was sent: cannot connect to 10.0.0.2 port 5000: no answer within 10 s."


def test_a_run_that_ended_early_says_so_first_and_what_was_never_sent() -> None:
    made = run(Mode.UDP, 3, [message(1, 0)], [received(1, 20)], error="interrupted", not_sent={3: "Message too long"})
    made.sent[1].sent_at = made.sent[2].sent_at = None
    text = said(made)
    assert text.startswith(
        "The run ended early: interrupted; no handshake: the first message came after 20 ms; 2 of 3 were never sent"
    )


def test_what_the_system_refused_to_send() -> None:
    made = run(Mode.UDP, 2, [message(1, 0)], [received(1, 20)], not_sent={2: "Message too long"})
    assert "message 2 was never sent (Message too long)" in said(made)


def test_no_messages() -> None:
    made = run(Mode.UDP, 0, [])
    assert said(made) == "There was no message to send; no handshake."


def test_behind_the_relay_tcp_is_called_unimpaired() -> None:
    made = run(Mode.TCP, 2, None, [received(1, 1), received(2, 21)], connect_ns=MILLISECOND)
    whole = comparison(made, where=Where.RELAY)
    assert said(made, whole).endswith("; TCP was unimpaired here, as a relay cannot drop its segments.")
    assert "unimpaired" not in said(run(Mode.UDP, 1, [message(1, 0)]), whole)


def test_over_a_real_network_no_delay_is_named() -> None:
    made = run(Mode.UDP_ACK, 3, None, lost_sequences=[], kernel_drops=None)
    for row in made.sent:
        row.state, row.rtt = "delivered", 12 * MILLISECOND
    text = said(made, comparison(made, where=Where.NETWORK))
    assert text == "No handshake; all 3 were delivered, acknowledged after 12 ms (median)."


def test_over_a_real_network_a_loss_has_no_known_cause() -> None:
    made = run(Mode.UDP, 3, None, lost_sequences=[2], kernel_drops=None)
    text = said(made, comparison(made, where=Where.NETWORK))
    assert "message 2 never came (cause unknown), and nobody told the sender" in text


def test_over_a_real_network_without_an_answer_nothing_is_known() -> None:
    made = run(Mode.UDP, 3, None, kernel_drops=None)
    text = said(made, comparison(made, where=Where.NETWORK))
    assert text == "No handshake; whether all 3 messages came is not known."


def test_ordered_acknowledged_delivery_waits_too() -> None:
    frames = [message(1, 0, dropped=Drop.LOSS), message(2, 20), message(1, 100, transmission=2)]
    made = run(Mode.UDP_ACK, 2, frames, [received(1, 120), received(2, 120)], retransmissions=1)
    whole = comparison(made, choices=Choices(modes=(Mode.UDP_ACK,), ordered=True))
    assert "one lost datagram (message 1) held back 1 message for 80 ms" in said(made, whole)


def test_a_segment_that_was_only_late_is_not_called_lost() -> None:
    frames = [message(1, 0, arrives=100, reordered=True), message(2, 20)]
    made = run(Mode.TCP, 2, frames, [received(1, 100), received(2, 100)])
    assert "one delayed segment (message 1) held back 1 message for 60 ms" in said(made)


def test_text_from_outside_is_escaped() -> None:
    made = run(Mode.UDP, 2, [message(1, 0)], [received(1, 20)], not_sent={2: "\x1b[2J"}, error="\u202enot well")
    text = said(made)
    assert "\\x1b[2J" in text
    assert "\\u202enot well" in text
    assert text.isprintable()


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("loss", [0.0, 0.02, 0.3, 1.0])
def test_every_sentence_is_one_and_the_logs_agree(seed: int, loss: float) -> None:
    forward, back = Path(delay=20 * MILLISECOND, loss=loss, duplicate=0.05, reorder=0.05), WAY
    whole = sample(count=20, seed=seed, link=Link(forward, back), modes=(Mode.UDP, Mode.UDP_ACK))
    for made in whole.runs:
        text = said(made, whole)
        assert text[0].isupper()
        assert text.endswith(".")
        assert text.count("; ;") == text.count("()") == text.count("  ") == 0
        assert disagreements(RunReading(made, whole)) == []


def test_logs_that_disagree_are_said_to() -> None:
    made = run(Mode.UDP, 5, [message(1, 0)], [received(n, 20 * n) for n in (1, 2, 3, 4, 5)])
    whole = comparison(made)
    (text,) = disagreements(RunReading(made, whole))
    assert text.startswith(
        "The logs disagree, so these figures are in doubt: message 2 was delivered, and the link let no whole copy"
    )
    assert "; and " in text
    assert text.endswith(" more.")


@pytest.mark.parametrize(
    ("faults", "start"),
    [
        (["drop:control:1"], "The SYN was lost; TCP waited 1 s and sent it again; the handshake took 1.04 s"),
        (["back:drop:control:1"], "The SYN-ACK was lost; TCP waited 1 s and sent the SYN again; the handshake took 1.04 s"),
        (
            ["delay:control:1:1100ms"],
            "The answer to the SYN took long; TCP waited 1 s and sent it again; the handshake",
        ),
        (
            ["drop:control:1", "drop:control:2"],
            "The SYN or its answer was lost 2 times; TCP waited 3 s in all and sent it again; the handshake took 3.04 s",
        ),
    ],
)
def test_a_handshake_that_took_several_attempts_is_explained_and_its_syn_counted(faults: list[str], start: str) -> None:
    link = Link(WAY, WAY, tuple(map(parse_fault, faults)))
    (one,) = Reading(sample(count=5, link=link, modes=(Mode.TCP,))).runs
    assert sentence(one).startswith(start)
    assert one.figures["retransmissions"] == len(faults)
    assert "segment" not in sentence(one), "the SYN is told of once"
