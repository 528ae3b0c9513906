"""What both twins stand on: addresses, binding, and waiting for sockets."""
