"""The library over real sockets on loopback: one suite for UDP and TCP."""
