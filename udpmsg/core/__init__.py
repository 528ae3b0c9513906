"""The protocol without sockets and without a clock: it is told bytes and the time (`now`, nanoseconds) and tells what to send."""
