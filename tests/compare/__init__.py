"""Stories about experiments: what was logged, what follows from it, and the two ends over real sockets."""
