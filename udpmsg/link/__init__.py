"""The link between two hosts, with faults decided by a seed. Pure: `udpmsg.lab` and `udpmsg.relay` carry the frames."""
