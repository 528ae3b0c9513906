"""Every sort of world that the two state machines must survive, by name. A table: a new one joins as a line."""

from dataclasses import replace

from tests.simulation.link import MILLISECOND, SECOND, Faults
from tests.simulation.world import Scenario
from udpmsg.core.receiver import Limits

CLEAN = Faults()
FAULTS = {
    "loss-10": Faults(loss=0.10),
    "loss-50": Faults(loss=0.50),
    "bursts": Faults(burst_enter=0.02),
    "blackhole-2s": Faults(blackholes=((500 * MILLISECOND, 2500 * MILLISECOND),)),
    "duplication-50": Faults(duplication=0.5),
    "reordering-30": Faults(reordering=0.3),
    "flips": Faults(flips=0.1),
}
COMBINATIONS = frozenset(
    (
        "duplication-10",
        "everything",
        "receiver-restarts-slow",
        "receiver-restarts-one-transmission",
        "receiver-restarts-reordered",
        "slow-loss",
        "absent",
        "small-limits",
        "few-gaps",
        "ordered-slow",
        "ordered-given-up",
        "ordered-given-up-reordered",
        "fragments",
        "window-7",
        "deadline-short",
        "bottleneck",
        "hostile-loss",
        "hostile-flood",
        "hostile-ordered",
        "framed",
        "framed-slow",
        "refused",
        "forget-restart",
        "forget-slow",
        "forget-hostile",
        "forget-refused",
    )
)
"""Beyond the list that every release must pass: combinations of what the others have alone, so fewer seeds will do."""
FEWER_SEEDS = 15
FLOOD_LIMITS = Limits(sessions=16, session_bytes=48 << 10, session_messages=50, total_bytes=80 << 10, gaps=8)
"""One flood of the hostile peer reaches the limits of a session, two that of all."""
SMALL_LIMITS = Limits(sessions=16, session_bytes=64 << 10, session_messages=32, total_bytes=200 << 10, gaps=8)


def both(name: str, about: str, faults: Faults, **more: object) -> Scenario:
    """The same faults in both directions."""
    return replace(Scenario(name, about), forward=faults, backward=faults, **more)  # type: ignore[arg-type]


def _table() -> dict[str, Scenario]:
    everything = [
        both("loss-0", "nothing goes wrong", CLEAN, delivered_at_least=1.0, no_retransmission=True),
        *(
            both(f"loss-{share}", f"{share} % lost, both ways", Faults(loss=share / 100), delivered_on_average=average)
            for share, average in ((1, 1.0), (2, 1.0), (5, 1.0), (10, 1.0), (20, 0.99), (30, 0.95), (50, 0.2))
        ),
        both("bursts", "losses come in bursts", Faults(burst_enter=0.02), delivered_at_least=0.9),
        both("blackhole-2s", "nothing passes for 2 s", FAULTS["blackhole-2s"], delivered_at_least=1.0),
        both(
            "blackhole-30s",
            "nothing passes for 30 s",
            Faults(blackholes=((500 * MILLISECOND, 30_500 * MILLISECOND),)),
            delivered_on_average=0.8,
        ),
        both("duplication-10", "10 % arrive twice", Faults(duplication=0.1), delivered_at_least=1.0),
        both("duplication-50", "half arrive twice", FAULTS["duplication-50"], delivered_at_least=1.0),
        both("reordering-30", "30 % are overtaken", FAULTS["reordering-30"], delivered_at_least=1.0),
        both("flips", "bits are flipped in 10 %", FAULTS["flips"], delivered_at_least=1.0),
        both(
            "everything",
            "all faults at once, mildly",
            Faults(loss=0.03, burst_enter=0.005, duplication=0.05, reordering=0.1, flips=0.03),
            delivered_at_least=0.95,
        ),
        *(
            replace(
                Scenario(f"ack-loss-{share}", f"{share} % of the acknowledgments are lost, and nothing else"),
                backward=Faults(loss=share / 100),
                delivered_on_average=average,
            )
            for share, average in ((0, 1.0), (25, 0.99), (50, 0.9), (75, 0.2), (100, 0.0))
        ),
        replace(
            Scenario("partition-there", "after half a second nothing reaches the receiver any more"),
            forward=Faults(blackholes=((500 * MILLISECOND, 10_000 * SECOND),)),
        ),
        replace(
            Scenario("partition-back", "after half a second nothing comes back for 10 s"),
            backward=Faults(blackholes=((500 * MILLISECOND, 10_500 * MILLISECOND),)),
            delivered_at_least=0.5,
        ),
        *(
            Scenario(
                f"path-{name}",
                f"the path takes {most} bytes, which is found out",
                forward=Faults(loss=0.02, mtus=((0, most),)),
                backward=Faults(loss=0.02),
                follows_path=True,
                sizes=sizes,
                receiver_restarts=restarts,
                hostile=hostile,
                cuts_anew=most < 1200 or hostile > 0,  # who forges ACKs says that what was too large has come
                delivered_on_average=0.99,
            )
            for name, most, sizes, restarts, hostile in (
                ("ethernet", 1472, "fragments", 0, 60),
                ("narrow", 572, "mixed", 2, 0),
            )
        ),
        Scenario(
            "path-black-holes",
            "the path becomes narrower twice, and nobody says so",
            forward=Faults(loss=0.01, mtus=((0, 1472), (700 * MILLISECOND, 1252), (6 * SECOND, 972))),
            follows_path=True,
            sizes="fragments",
            cuts_anew=True,
            max_transmissions=16,
            span=10 * SECOND,
            delivered_at_least=1.0,
        ),
        Scenario("receiver-restarts", "the receiver restarts twice", receiver_restarts=2, delivered_at_least=1.0),
        Scenario(
            "receiver-restarts-slow",
            "the receiver restarts with messages that its slow application does not have",
            receiver_restarts=2,
            application="slow",
            delivered_at_least=1.0,
        ),
        Scenario(
            "receiver-restarts-one-transmission",
            "the receiver restarts, and nothing may be sent twice",
            receiver_restarts=2,
            application="bursts",
            max_transmissions=1,
        ),
        both(
            "receiver-restarts-reordered",
            "the receiver restarts, and what its former life said still comes",
            Faults(reordering=0.3, reordering_delay=100 * MILLISECOND, duplication=0.1),
            receiver_restarts=3,
            application="bursts",
        ),
        both(
            "sender-restarts",
            "the sender restarts on the same port",
            Faults(loss=0.05),
            sender_restarts=2,
            delivered_on_average=0.5,
        ),
        both(
            "store",
            "the receiver restarts with messages in hand, and with a store",
            Faults(loss=0.1),
            receiver_restarts=4,
            store=True,
            application="bursts",
            delivered_on_average=0.99,
        ),
        both(
            "store-ordered",
            "the same in order, with messages that are given up",
            Faults(loss=0.2, reordering=0.2, duplication=0.1),
            receiver_restarts=4,
            store=True,
            ordered=True,
            max_transmissions=3,
            delivered_on_average=0.9,
        ),
        both(
            "moves",
            "the sender gets another address four times",
            Faults(loss=0.05),
            moves=4,
            cookies=True,
            delivered_at_least=1.0,
        ),
        Scenario(
            "moves-hostile",
            "the same with a hostile peer and a slow application",
            moves=4,
            cookies=True,
            hostile=200,
            application="slow",
            delivered_at_least=1.0,
        ),
        Scenario("never-drains", "the application never takes anything", application="never", within_limits=True),
        Scenario("slow", "it takes one to three at a time", application="slow", delivered_at_least=1.0, within_limits=True),
        both("slow-loss", "a slow application behind 10 % of loss", Faults(loss=0.1), application="slow"),
        Scenario(
            "absent", "the application comes by now and then", application="bursts", delivered_at_least=1.0, within_limits=True
        ),
        Scenario(
            "small-limits",
            "a slow application, and limits that are reached all the time",
            application="bursts",
            limits=SMALL_LIMITS,
            forward=Faults(loss=0.05),
        ),
        both("few-gaps", "8 gaps may be remembered, and 20 % is lost", Faults(loss=0.2), limits=Limits(gaps=8)),
        both("ordered", "in order, 10 % lost", Faults(loss=0.1), ordered=True, delivered_at_least=1.0),
        Scenario(
            "ordered-few",
            "in order, 10 % lost, and sixteen messages may wait",
            ordered=True,
            forward=Faults(loss=0.1),
            sizes="small",
            limits=Limits(session_messages=16),
            delivered_on_average=0.98,  # one seed in some hundreds has most of it given up: so few places, and all behind a gap
        ),
        both(
            "ordered-slow",
            "in order, overtaking and a slow application",
            Faults(loss=0.03, reordering=0.2, duplication=0.1),
            ordered=True,
            application="bursts",
        ),
        both(
            "ordered-given-up",
            "in order, and some are given up",
            Faults(loss=0.3),
            ordered=True,
            max_transmissions=2,
            delivered_on_average=0.6,
        ),
        Scenario("fragments", "3 to 20 kB each", sizes="fragments", span=4 * SECOND, delivered_at_least=1.0),
        both(
            "fragments-loss",
            "3 to 20 kB each, 3 % lost, 5 % overtaken",
            Faults(loss=0.03, reordering=0.05),
            sizes="fragments",
            span=4 * SECOND,
        ),
        both("window-1", "stop and wait, 5 % lost", Faults(loss=0.05, delay=2 * MILLISECOND), window=1, delivered_at_least=1.0),
        both("window-7", "at most seven, all faults", Faults(loss=0.1, reordering=0.1, duplication=0.1), window=7),
        both("deadline-short", "half a second, and 30 % lost", Faults(loss=0.3), deadline=SECOND // 2),
        Scenario(
            "bottleneck",
            "a narrow link with a short queue",
            forward=Faults(bytes_per_second=125_000, queue_bytes=20_000),
            sizes="mixed",
            delivered_at_least=1.0,
        ),
        Scenario("hostile", "a hostile peer at both sides", hostile=200, delivered_at_least=1.0),
        both("hostile-loss", "a hostile peer, 10 % lost", Faults(loss=0.1), hostile=200),
        Scenario("hostile-small-limits", "a hostile peer against small limits", hostile=200, limits=SMALL_LIMITS),
        Scenario(
            "hostile-flood",
            "a hostile peer with more than the limits hold, and an application that is often away",
            hostile=100,
            flood=True,
            application="bursts",
            limits=FLOOD_LIMITS,
        ),
        both(
            "ordered-given-up-reordered",
            "in order, overtaken, and many are given up",
            Faults(loss=0.3, reordering=0.4, reordering_delay=100 * MILLISECOND),
            ordered=True,
            max_transmissions=1,
        ),
        Scenario("hostile-ordered", "a hostile peer, in order", hostile=100, ordered=True, application="bursts"),
        Scenario("framed", "frames of a stream: nothing is lost", framed=True, delivered_at_least=1.0),
        Scenario("framed-slow", "frames of a stream, a slow application", framed=True, application="slow"),
        Scenario("refused", "the system refuses to send, now and then", refused=0.1, delivered_at_least=1.0),
        both("forget", "fire and forget, nothing goes wrong", CLEAN, acknowledged=False, delivered_at_least=1.0),
        *(both(f"forget-{name}", f"fire and forget, {name}", faults, acknowledged=False) for name, faults in FAULTS.items()),
        both(
            "forget-fragments",
            "fire and forget, 3 to 20 kB each, 1 % lost, 10 % overtaken",
            Faults(loss=0.01, reordering=0.1),
            acknowledged=False,
            sizes="fragments",
        ),
        Scenario("forget-restart", "fire and forget, both restart", acknowledged=False, receiver_restarts=1, sender_restarts=1),
        Scenario("forget-slow", "fire and forget, a slow application", acknowledged=False, application="slow"),
        Scenario("forget-hostile", "fire and forget, a hostile peer", acknowledged=False, hostile=200),
        Scenario("forget-refused", "fire and forget, the system refuses some", acknowledged=False, refused=0.1),
    ]
    return {
        scenario.name: replace(scenario, seeds=FEWER_SEEDS) if scenario.name in COMBINATIONS else scenario
        for scenario in everything
    }


SCENARIOS = _table()
assert set(SCENARIOS) >= COMBINATIONS, "a name in COMBINATIONS is no scenario"
