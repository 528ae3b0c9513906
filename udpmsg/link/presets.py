"""Named links, and where each of their numbers comes from. A table; knows no option and no text (see `fields`, `wording`).

The sender's side is the subscriber's: forward is the upload, back the download. A round-trip time that a source gives is halved.
Where a number is a choice of ours it says so: a preset is a typical case to learn from, never a promise about a product.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from udpmsg.base.durations import MICROSECOND, MILLISECOND
from udpmsg.base.errors import N_
from udpmsg.base.units import one_of
from udpmsg.link.faults import Burst, Link, Path

KILOBIT, MEGABIT, GIGABIT = 1_000, 1_000_000, 1_000_000_000

WEBPAGETEST = "WebPageTest's connection profiles (connectivity.ini, since 2012)"
OOKLA = "Ookla Speedtest, United States, first quarter of 2025"


@dataclass(frozen=True)
class Preset:
    """One named link."""

    link: Link
    about: str
    """What it is, in a few words."""
    sources: Mapping[str, str]
    """For each option that the link sets, where the number comes from."""


def preset(name: str) -> Link:
    """The link of that name. Raises UsageError that names the nearest one."""
    return PRESETS[one_of(name, PRESETS, N_("known link"))].link


def _named(name: str | None, forward: Path, back: Path | None = None) -> Link:
    return Link(forward, forward if back is None else back, name=name)


def _access(name: str, delay: int, up: int, down: int, **path: Any) -> Link:
    """A subscriber's link: what differs between its two ways is the rate."""
    return _named(name, Path(delay=delay, rate=up, **path), Path(delay=delay, rate=down, **path))


PRESETS: Mapping[str, Preset] = {
    "classroom": Preset(
        _named("classroom", Path(delay=20 * MILLISECOND, loss=0.05)),
        "what `compare` takes when nothing is said",
        {
            "delay": "chosen by us: a handshake's round trip (40 ms) is then seen without a ruler",
            "loss": "chosen by us: about five of 100 messages, far more than a healthy network loses",
        },
    ),
    "none": Preset(_named(None, Path()), "no fault at all: as fast as the machine", {}),
    "lan": Preset(
        _named("lan", Path(delay=100 * MICROSECOND, rate=GIGABIT)),
        "two computers on one switch",
        {
            "delay": "typical; chosen by us: a switch and two hosts, mostly the hosts' own time",
            "rate": "IEEE 802.3ab (1999): 1000BASE-T",
        },
    ),
    "wifi": Preset(
        _named("wifi", Path(delay=3 * MILLISECOND, jitter=2 * MILLISECOND, burst=Burst(0.005, 0.5), rate=50 * MEGABIT)),
        "a busy home network, the access point in the next room",
        {
            "delay": "typical; chosen by us",
            "jitter": "typical; chosen by us: stations wait for their turn and retransmit on the radio",
            "burst": "that losses come in bursts: Carvalho et al., IEEE Trans. Consumer Electronics (2005), for 802.11g; "
            "the numbers (2 frames on average, 1 % of all) are chosen by us",
            "rate": "typical; chosen by us: what a shared channel leaves for one station",
        },
    ),
    "fibre": Preset(
        _access("fibre", 2 * MILLISECOND, 5 * MEGABIT, 20 * MEGABIT),
        "a glass fibre to the home, a small contract",
        {"delay": f"{WEBPAGETEST}: 4 ms round trip", "rate": f"{WEBPAGETEST}: 20 Mbit/s down, 5 Mbit/s up"},
    ),
    "cable": Preset(
        _access("cable", 14 * MILLISECOND, MEGABIT, 5 * MEGABIT),
        "television cable",
        {"delay": f"{WEBPAGETEST}: 28 ms round trip", "rate": f"{WEBPAGETEST}: 5 Mbit/s down, 1 Mbit/s up"},
    ),
    "adsl": Preset(
        _access("adsl", 25 * MILLISECOND, 384 * KILOBIT, 1_500 * KILOBIT, queue=50),
        "a telephone line, with the deep queue of its modem",
        {
            "delay": f"{WEBPAGETEST}: 50 ms round trip",
            "rate": f"{WEBPAGETEST}: 1.5 Mbit/s down, 384 kbit/s up",
            "queue": "chosen by us: 50 full frames are 1.6 s of upload; that modems keep so much: Gettys and Nichols, "
            "Communications of the ACM (2012)",
        },
    ),
    "dialup": Preset(
        _access("dialup", 60 * MILLISECOND, 30 * KILOBIT, 49 * KILOBIT),
        "a 56k modem",
        {"delay": f"{WEBPAGETEST}: 120 ms round trip", "rate": f"{WEBPAGETEST}: 49 kbit/s down, 30 kbit/s up"},
    ),
    "3g": Preset(
        _access("3g", 150 * MILLISECOND, 768 * KILOBIT, 1_600 * KILOBIT),
        "a mobile telephone of 2010",
        {"delay": f"{WEBPAGETEST}: 300 ms round trip", "rate": f"{WEBPAGETEST}: 1.6 Mbit/s down, 768 kbit/s up"},
    ),
    "lte": Preset(
        _named("lte", Path(delay=35 * MILLISECOND, jitter=10 * MILLISECOND, rate=12 * MEGABIT)),
        "a mobile telephone of the fourth generation",
        {
            "delay": f"{WEBPAGETEST}: 70 ms round trip",
            "jitter": "typical; chosen by us: radio retransmissions of 8 ms each (3GPP TS 36.321, HARQ)",
            "rate": f"{WEBPAGETEST}: 12 Mbit/s both ways",
        },
    ),
    "5g": Preset(
        _named(
            "5g",
            Path(delay=18 * MILLISECOND, jitter=4 * MILLISECOND, rate=15 * MEGABIT),
            Path(delay=7 * MILLISECOND, jitter=2 * MILLISECOND, rate=100 * MEGABIT),
        ),
        "a mobile telephone of the fifth generation, non-standalone",
        {
            "delay": "Rohde & Schwarz (2022), public network in Munich: one way 7 ms down at best, 18 ms up at 15 Mbit/s",
            "jitter": "typical; chosen by us",
            "rate": "up: the load of that measurement; down: chosen by us",
        },
    ),
    "starlink": Preset(
        _access("starlink", 25 * MILLISECOND, 15 * MEGABIT, 105 * MEGABIT, jitter=5 * MILLISECOND, burst=Burst(0.002, 0.4)),
        "satellites in low orbit",
        {
            "delay": "Michel et al., IMC (2022): round trips of 50 ms in the median to servers in Europe",
            "jitter": "Michel et al., IMC (2022): quartiles of 40 and 60 ms, halved for one way",
            "burst": "that losses come together, at handovers: Kassem et al., IMC (2022); the numbers (2.5 frames on "
            "average, 0.5 % of all) are chosen by us",
            "rate": f"{OOKLA}: medians of 104.71 Mbit/s down, 14.84 Mbit/s up",
        },
    ),
    "satellite": Preset(
        _access("satellite", 279 * MILLISECOND, 4_400 * KILOBIT, 48 * MEGABIT),
        "a geostationary satellite, without the proxies that operators put in front of it",
        {
            "delay": "RFC 2488, section 2 (1999): 279.0 ms for ground stations at the edge of its view",
            "rate": f"{OOKLA}, HughesNet: medians of 47.79 Mbit/s down, 4.44 Mbit/s up",
        },
    ),
    "intercontinental": Preset(
        _named("intercontinental", Path(delay=80 * MILLISECOND, loss=0.0025)),
        "Los Angeles and Tokyo, between two operators' routers",
        {
            "delay": "Verizon's service level (2024): at most 160 ms round trip across the Pacific",
            "loss": "Verizon's service level (2024): at least 99.5 % of round trips complete, halved for one way",
        },
    ),
    "lossy": Preset(
        _named("lossy", Path(delay=50 * MILLISECOND, jitter=15 * MILLISECOND, loss=0.1, reorder=0.02, duplicate=0.01)),
        "everything goes wrong, and often",
        {
            "delay": "RFC 8867 (2021): the one-way delay of its test cases",
            "jitter": "RFC 8867 (2021): at most 30 ms from end to end, so 15 ms to each side",
            "loss": "chosen by us",
            "duplicate": "chosen by us",
            "reorder": "chosen by us",
        },
    ),
}
"""By name, in the order in which they are listed."""

DEFAULT = PRESETS["classroom"].link
"""The link of `compare`."""
