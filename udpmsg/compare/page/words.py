"""What the modes are called, in full and in short, on a page and wherever there is room."""

from udpmsg.base.language import N_, _
from udpmsg.compare.choices import Mode
from udpmsg.compare.trace import Comparison, Where

MODES = {Mode.UDP: "UDP", Mode.UDP_ACK: N_("UDP + acknowledgments"), Mode.TCP: "TCP"}
SHORT = {Mode.UDP: "UDP", Mode.UDP_ACK: "UDP+ack", Mode.TCP: "TCP"}


def mode_names(comparison: Comparison, names: dict[Mode, str] = MODES) -> dict[Mode, str]:
    """What each mode is called on the page of this comparison, whole or, with SHORT, in short."""
    unimpaired = {Mode.TCP: _("{}, unimpaired")} if comparison.where is Where.RELAY else {}
    return {mode: unimpaired.get(mode, "{}").format(_(name)) for mode, name in names.items()}
