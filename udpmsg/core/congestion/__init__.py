"""The congestion controls that there are, by name. A new one joins the table; nothing else knows how they are made."""

from collections.abc import Callable

from udpmsg.base.errors import N_
from udpmsg.base.kinds import ValueKind
from udpmsg.base.units import one_of
from udpmsg.core.congestion.controller import Controller
from udpmsg.core.congestion.cubic import Cubic
from udpmsg.core.congestion.newreno import NewReno


def bbr(datagram_size: int, seed: int = 0) -> Controller:
    """BBR, whose modules are loaded when somebody chooses it: `udpmsg send` starts without them."""
    from udpmsg.core.congestion.bbr import BBR

    return BBR(datagram_size, seed)


CONTROLLERS: dict[str, Callable[..., Controller]] = {"newreno": NewReno, "cubic": Cubic, "bbr": bbr}
DEFAULT = "cubic"

CONGESTION = ValueKind("NAME", lambda text: one_of(text, CONTROLLERS, N_("congestion control")), names=tuple(CONTROLLERS))
"""The name of one, as a user writes it."""
