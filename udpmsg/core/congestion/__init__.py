"""The congestion controls that there are, by name. A new one joins the table; nothing else knows their classes."""

from udpmsg.base.errors import N_
from udpmsg.base.kinds import ValueKind
from udpmsg.base.units import one_of
from udpmsg.core.congestion.bbr import BBR
from udpmsg.core.congestion.controller import Controller
from udpmsg.core.congestion.cubic import Cubic
from udpmsg.core.congestion.newreno import NewReno

CONTROLLERS: dict[str, type[Controller]] = {"newreno": NewReno, "cubic": Cubic, "bbr": BBR}
DEFAULT = "cubic"


CONGESTION = ValueKind("NAME", lambda text: one_of(text, CONTROLLERS, N_("congestion control")), names=tuple(CONTROLLERS))
"""The name of one, as a user writes it."""
