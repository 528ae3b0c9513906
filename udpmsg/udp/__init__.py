"""SOCK_DGRAM: one datagram is one message or one fragment of it. Its twin is `udpmsg.tcp`, file for file."""
