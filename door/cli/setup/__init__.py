"""Setting up: from a bare Python 3.11 to a house that can start. Standard library only: it runs before .venv exists."""
