"""`kill -9`, at random, of a listener that keeps what it is sent, of a sender that keeps what it is to send, and of both.

What was acknowledged is counted by who sent it, what is there by who reads it afterwards. Both counts are printed at the end.
UDPMSG_NIGHTLY=1 kills 500 times in all instead of 100; UDPMSG_SEED draws other moments.
"""
