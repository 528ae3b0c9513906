"""What limits a measurement, in sentences, as far as its figures show it."""

from dataclasses import replace

from udpmsg.base.errors import N_, Phrase
from udpmsg.bench.values import Benchmark, Measurement
from udpmsg.compare.choices import Mode

BUSY = 0.9
"""Of one core: more is a core that does nothing else."""
STARVED = 0.7
"""Of one core: a sender without a pace never waits on loopback, so what it lacks went to other programs."""
SHORT = 0.97
"""Of the offered rate: a sender that reached less could not do it."""


def limits_of(measurement: Measurement, benchmark: Benchmark) -> Measurement:
    """The measurement with its limits, phrases that hold no count, so that measurements with the same limit say the same."""
    said = [
        *throughput(measurement),
        *stability(measurement),
        *processors(measurement, benchmark),
        *losses(measurement),
        *buffer(measurement, benchmark),
        *datagrams(measurement, benchmark),
    ]
    return replace(measurement, limits=tuple(said))


def throughput(measurement: Measurement) -> list[Phrase]:
    """Why there is none, or that the sender alone is the reason that it is not more."""
    curve = measurement.curve
    if measurement.throughput_msgs_per_s is None:
        if measurement.mode is not Mode.UDP:
            return [Phrase("No throughput: not every message was confirmed.")]
        return [Phrase("No throughput: something was lost at every rate that was tried for long.")]
    if measurement.mode is Mode.UDP and all(trial.kept_up for trial in curve):
        return [Phrase("Nothing was lost at any rate: the sender is the limit, not the receiver.")]
    paced = [trial for trial in curve if trial.offered_msgs_per_s is not None and not trial.messages_lost]
    if any(trial.sent_msgs_per_s < SHORT * (trial.offered_msgs_per_s or 0) for trial in paced):
        return [Phrase("The sender could not always keep the rate on trial; what it reached counts.")]
    return []


def stability(measurement: Measurement) -> list[Phrase]:
    """Trials that contradict the throughput."""
    if not measurement.unstable:
        return []
    if measurement.mode is Mode.UDP and not measurement.lost_below:
        return [Phrase("Unstable: a trial at a much higher rate lost nothing either.")]
    if measurement.mode is Mode.UDP:
        return [Phrase("Unstable: at this rate or a lower one a trial lost messages, and lost none when it was made again.")]
    return [Phrase("Unstable: the slowest trial reached less than four fifths of the fastest one's rate.")]


def processors(measurement: Measurement, benchmark: Benchmark) -> list[Phrase]:
    """A core that is full, or that sender and receiver share."""
    said = [
        Phrase("The {}'s core is full.", Phrase(name))
        for name, cpu in ((N_("sender"), measurement.sender_cpu), (N_("receiver"), measurement.receiver_cpu))
        if cpu is not None and cpu >= BUSY
    ]
    if benchmark.target is None and benchmark.cores == 1:
        said.append(Phrase("Sender and receiver share one core."))
    flood = measurement.curve[0]
    if benchmark.target is None and measurement.mode is Mode.UDP and (flood.sender_cpu or 1.0) < STARVED:
        said.append(Phrase("Other programs kept this machine busy: the sender did not get a core for itself."))
    return said


def losses(measurement: Measurement) -> list[Phrase]:
    """What was lost while rates were tried, and where, as far as that is known."""
    lost = sum(trial.messages_lost for trial in measurement.curve)
    drops, over_limit = measurement.kernel_drops, measurement.over_limit
    said = []
    if drops:
        said.append(Phrase("At higher rates the receiver's kernel dropped datagrams: its socket buffer was full."))
    if over_limit:
        said.append(Phrase("At higher rates the receiver dropped messages over a limit of its own."))
    if lost and drops == 0 and not over_limit:
        said.append(Phrase("Messages were lost on their way: neither the receiver's socket nor its limits dropped them."))
    if measurement.rtt_lost:
        said.append(Phrase("Some messages of the round trips were never confirmed."))
    return said


def buffer(measurement: Measurement, benchmark: Benchmark) -> list[Phrase]:
    """A receive buffer that the kernel has clamped."""
    asked, given = benchmark.request.receive_buffer, measurement.receive_buffer_bytes
    if given is None or given >= asked:
        return []
    sentence = N_("The kernel gave a receive buffer of {:,} bytes, not the {:,} asked for; more is allowed by {}")
    return [Phrase(sentence, given, asked, f"`sudo sysctl -w net.core.rmem_max={asked}`")]


def datagrams(measurement: Measurement, benchmark: Benchmark) -> list[Phrase]:
    """A message in several datagrams, and datagrams that go one by one."""
    said = []
    if (measurement.datagrams_per_message or 1) > 1:
        sentence = N_("A message travels in {} datagrams; if one is lost, all of it is.")
        said.append(Phrase(sentence, measurement.datagrams_per_message))
    if measurement.offload is False:
        unable = Phrase("the system or its device does not take several")
        why = unable if benchmark.request.offload else Phrase("--no-offload asked for that")
        said.append(Phrase("Each datagram takes a system call of its own: {}.", why))
    return said
