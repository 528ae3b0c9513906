"""Flights for the stories about congestion control, and the clock's units."""

from udpmsg.core.congestion.controller import Controller
from udpmsg.core.retransmission import Flight

MS = 1_000_000
SECOND = 1_000_000_000


def flight(*sizes: int, sent_at: int = 0, first: int = 1) -> Flight:
    """Datagrams of these sizes that left together."""
    return Flight(first, first, list(sizes), sent_at)


def leaves(control: Controller, *sizes: int, now: int, first: int = 1) -> Flight:
    """They leave now; all of them must be let go."""
    assert control.admit(sizes, now) == len(sizes)
    departed = flight(*sizes, sent_at=now, first=first)
    control.on_sent(departed, now)
    return departed


def acknowledge(control: Controller, size: int, sent_at: int, now: int | None = None, *, limited: bool = True) -> None:
    """So many bytes that left at `sent_at` arrived."""
    control.on_acknowledged(flight(size, sent_at=sent_at), sent_at if now is None else now, limited)
