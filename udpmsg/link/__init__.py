"""The link between two hosts, with faults: decided by a seed, carried by namespaces of our own or by a relay."""
