"""Units of time. All times are whole nanoseconds of a monotonic clock, unless a name or a comment says otherwise."""

MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
