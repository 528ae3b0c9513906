"""SOCK_STREAM: a stream of bytes, cut into frames. Its twin is `udpmsg.udp`, file for file."""
