"""The texts of the pages' templates and scripts, which have no words of their own: a name for each, and what it says in English.

Owns these words alone. They are translated when a page is made; a script gets those for it with its data.
"""

from collections.abc import Mapping
from typing import Any

from udpmsg.base.language import N_, said, spoken
from udpmsg.compare.ledger import Ending
from udpmsg.compare.ledger_text import OUTCOMES
from udpmsg.show.markup import safe

EVERY_CHART = {
    "drag": N_("Drag across a chart to look closer; a double click shows it whole again."),
    "the_figures": N_("The figures"),
    "what_was_run": N_("What was run"),
}
COMPARISON = EVERY_CHART | {
    "what_happened": N_("What happened"),
    "on_the_wire": N_("On the wire"),
    "how_to_read": N_("How to read the ladders"),
    "sent_first": N_("message, sent first"),
    "sent_again": N_("message|sent again"),
    "lost": N_("message|lost"),
    "acknowledgment": N_("acknowledgment"),
    "handshake_teardown": N_("handshake, teardown"),
    "delivered": N_("delivered to the application"),
    "suppressed": N_("came again, suppressed"),
    "held_back": N_("arrived, but held back behind a gap"),
    "in_time": N_("In time"),
    "no_script": N_("The charts and the ledger are drawn by this file's own script, which this browser does not run."),
    "delay_of_each": N_("Delay of each message."),
    "delivered_so_far": N_("Delivered so far."),
    "level_stretch": N_("A level stretch is a stall; the grey line is the schedule."),
    "share_within": N_("Share delivered within a delay."),
    "hide": N_("A click on a mode in a legend hides it."),
    "what_senders_knew": N_("What the senders knew"),
    "how_they_know": N_(
        "Sampled every 10 ms: with UDP's acknowledgments by udpmsg's own sender, over TCP by the kernel. A sender that gets "
        "no acknowledgments knows nothing of the path, so it is not shown."
    ),
    "window_over_time": N_("Window."),
    "window_words": N_(
        "How much may be in flight; the area is what is. It grows until something is lost, and falls: a saw tooth. A cross: "
        "something was sent again."
    ),
    "pace_over_time": N_("Pace."),
    "pace_words": N_(
        "How fast the sender would let it leave. TCP's kernel holds segments back for it with BBR, or where a queueing "
        "discipline (fq) does so; else the window alone holds them back."
    ),
    "round_trip_over_time": N_("Smoothed round trip."),
    "round_trip_words": N_("It grows with the queue before the bottleneck."),
    "the_ledger": N_("The ledger"),
    "every_message": N_("Every message, in every mode: what became of it, and why"),
    "only_wrong": N_("only what went wrong"),
    "mode": N_("Mode"),
    "all": N_("modes|all"),
    "message": N_("Message"),
    "due": N_("message|Due, ms"),
    "sent": N_("message|Sent, ms"),
    "transmissions": N_("Transmissions"),
    "delivered_at": N_("message|Delivered, ms"),
    "delay": N_("Delay, ms"),
    "outcome": N_("Outcome"),
    "cause": N_("Cause"),
    "show_more": N_("Show more"),
}
"""Of page.html."""
BENCHMARK = EVERY_CHART | {
    "what_it_means": N_("What it means"),
    "terms": N_(
        "Throughput: the highest rate at which nothing was lost (RFC 2544), and which then passed a long trial; with "
        "acknowledgments and over TCP the rate at which everything was delivered. Flood: as fast as the sender can, without a "
        "pace. Round trip: from the moment a message was due to its acknowledgment. – not measured in this mode, or not known."
    ),
    "by_size": N_("By size, and by rate"),
    "no_script": N_("The charts are drawn by this file's own script, which this browser does not run."),
    "messages_a_second": N_("Messages a second."),
    "at_each_size": N_("Throughput at each size."),
    "payload_a_second": N_("Payload a second."),
    "in_bits": N_("The same, in bits."),
    "what_limits_it": N_("What limits it"),
}
"""Of bench.html."""
CONTROLS = {"copied": N_("Copied"), "selected": N_("command|Selected")}
"""Of controls.js."""
CHARTS = CONTROLS | {
    "twice": N_("came twice"),
    "times": N_("came {} times"),
    "reordered": N_("reordered"),
    "late": N_("late"),
    "time_axis": N_("time, {}"),
    "delay_axis": N_("delay, {}"),
    "round_trip_axis": N_("round trip, {}"),
    "round_trip_of_each": N_("Round trip of each message."),
    "delay_of_each": N_("Delay of each message."),
    "round_trip_words": N_("From sending to the acknowledgment, by the sender's clock."),
    "delay_words": N_(
        "From due to delivered. A staircase going down is messages that waited for one before them; a cross is one that never "
        "came."
    ),
    "round_trip_share": N_("Of all messages sent; one that was sent again has no certain round trip."),
    "delay_share": N_("Of all messages sent; what a line lacks to 100 % was not delivered."),
    "message": N_("message"),
    "messages": N_("messages"),
    "message_legend": N_("Message"),
    "time_legend": N_("Time"),
    "due_legend": N_("messages|Due"),
    "within_legend": N_("Within"),
    "bytes_axis": N_("axis|bytes"),
    "window": N_("Window"),
    "in_flight": N_("In flight"),
    "sent_again": N_("Sent again so far"),
    "pace": N_("Pace"),
    "smoothed_round_trip": N_("Smoothed round trip"),
    "never_measured": N_("Not known: no round trip was measured."),
    "rows": N_("{} of {} rows"),
}
"""Of charts.js, path.js and page.js."""
BENCH_CHARTS = CONTROLS | {
    "bytes_axis": N_("bytes of a message"),
    "bytes_legend": N_("Bytes"),
    "throughput_axis": N_("messages a second"),
    "goodput_axis": N_("Mbit a second"),
    "throughput": N_("throughput"),
    "rate_axis": N_("messages offered a second"),
    "loss_axis": N_("% lost"),
    "rate_legend": N_("Rate"),
}
"""Of bench.js."""


def parts(texts: Mapping[str, str]) -> dict[str, str]:
    """For a template: in the user's language, as HTML."""
    return {name: safe(said(text)) for name, text in texts.items()}


def for_script(texts: Mapping[str, str]) -> dict[str, Any]:
    """For a script: the language that its numbers are written in, and its words."""
    return {"language": spoken(), "words": {name: said(text) for name, text in texts.items()}}


def outcomes() -> dict[str, str]:
    """How each outcome is called."""
    return {outcome.value: said(OUTCOMES[outcome]) for outcome in Ending}
