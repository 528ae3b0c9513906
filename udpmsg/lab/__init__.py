"""The link as two hosts and a router, in network namespaces of our own: no privilege, the kernel's own UDP and TCP."""
