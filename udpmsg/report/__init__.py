"""What a run tells its user: one schema, as words for people and as JSON lines for programs."""
