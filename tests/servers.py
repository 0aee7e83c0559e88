"""Real servers for tests: a PostgreSQL cluster of our own on a free loopback port. The fault bench starts the same."""

from __future__ import annotations

from door.cli.bench.postgres import Postgres, postgres, postgres_bin
from door.cli.bench.site import free_port

__all__ = ["Postgres", "free_port", "postgres", "postgres_bin"]
