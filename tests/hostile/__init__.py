"""Strangers: programs that speak the wire format by a codec of their own, and what they must not be able to do.

Each test is one row of what was seen before "strangers cost nothing that matters" was promised, bounded in time and in
number. What is asserted
is a share of newcomers that were served, a bound on memory, or a count; never how quick something was.

UDPMSG_NIGHTLY=1 runs them at the size at which they were first seen; without it they are as small as still shows the same.
"""
