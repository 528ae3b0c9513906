"""The exit codes, the same with and without --json. Owns the table from errors to codes; knows no command."""

from udpmsg.base.errors import CannotConnect, CannotListen, MessageTooLarge, NameUnknown, UsageError


class Exit:
    """What a script reads: DESIGN §7."""

    WELL = 0
    ERROR = 1
    USAGE = 2
    UNCONFIRMED = 3
    NOBODY = 4
    CANNOT_LISTEN = 5
    INTERRUPTED = 130
    TERMINATED = 143


CODES: tuple[tuple[type[Exception], int], ...] = (
    (UsageError, Exit.USAGE),
    (MessageTooLarge, Exit.USAGE),
    (NameUnknown, Exit.NOBODY),
    (CannotConnect, Exit.NOBODY),
    (CannotListen, Exit.CANNOT_LISTEN),
)


def exit_for(error: Exception) -> int:
    """The code that an error ends a command with; one that is not in the table is a run-time error."""
    return next((code for kind, code in CODES if isinstance(error, kind)), Exit.ERROR)
