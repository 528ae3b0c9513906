"""Benchmarks: the highest rate without loss, measured against a receiver of our own or somewhere else, and their report."""
