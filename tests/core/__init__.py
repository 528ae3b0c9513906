"""Stories of the core on a virtual clock: no socket, no sleep, no wall clock, exact values."""
