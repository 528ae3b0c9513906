"""Comparisons: a workload over several modes, what was logged on the way, what follows from it, and how it is told."""
