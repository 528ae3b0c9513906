"""Printers: what a run tells its user, as words for people, as JSON lines for programs, and the shell of every page."""
