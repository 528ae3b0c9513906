"""A virtual world: both state machines joined by a seeded link. No sockets, no sleep, no wall clock."""
