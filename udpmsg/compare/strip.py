"""What a strip shows of each message: the worst that is to be said of it. Reads the rows of a ledger alone."""

from collections.abc import Iterable

from udpmsg.base.errors import N_
from udpmsg.compare.ledger import Ending, LedgerRow
from udpmsg.show.pictures import Sign

DELIVERED, DUPLICATED, LATE, UNCONFIRMED, REFUSED, LOST = range(6)
SIGNS = (
    Sign("·", N_("message|delivered"), "delivered", "note"),
    Sign("2", N_("message|came again"), "duplicated", "warning"),
    Sign("»", N_("message|late"), "late", "warning", "›"),
    Sign("?", N_("message|unconfirmed"), "unconfirmed", "warning"),
    Sign("!", N_("message|never sent"), "refused", "error"),
    Sign("✗", N_("message|lost"), "lost", "error", "x"),
)
"""From the best to the worst."""
NOT_DELIVERED = {Ending.LOST: LOST, Ending.REFUSED: REFUSED, Ending.UNCONFIRMED: UNCONFIRMED}


def places(rows: Iterable[LedgerRow]) -> bytes:
    """A byte for each message: its sign's place in SIGNS."""
    return bytes(map(place, rows))


def place(row: LedgerRow) -> int:
    """The worst that is to be said of one."""
    if row.outcome is not Ending.DELIVERED:
        return NOT_DELIVERED[row.outcome]
    return LATE if row.late else DUPLICATED if row.duplicates else DELIVERED
