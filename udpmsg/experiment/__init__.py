"""Experiments: a workload over several modes, what was logged on the way, and what follows from it, message by message."""
