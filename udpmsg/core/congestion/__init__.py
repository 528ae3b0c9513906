"""The congestion controls that there are, by name. A new one joins the table; nothing else knows their classes."""

from udpmsg.base.errors import N_
from udpmsg.base.units import one_of
from udpmsg.core.congestion.bbr import BBR
from udpmsg.core.congestion.controller import Controller
from udpmsg.core.congestion.cubic import Cubic
from udpmsg.core.congestion.newreno import NewReno

CONTROLLERS: dict[str, type[Controller]] = {"newreno": NewReno, "cubic": Cubic, "bbr": BBR}
DEFAULT = "cubic"


def parse_congestion(text: str) -> str:
    """The name of a congestion control, as a user writes it."""
    return one_of(text, CONTROLLERS, N_("congestion control"))
