"""People: what waits for a person, and who answers it."""
