"""A PostgreSQL server of our own on loopback, from the system's package, that can be killed and started again."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from quiet_port import quiet_port


def programs() -> Path | None:
    """Find the folder with `initdb`; None where PostgreSQL's server is not installed."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).resolve().parent] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((each for each in reversed(found) if (each / "postgres").exists()), None)


class Server:
    """One cluster in a folder of its own; as root it runs as the user `postgres`, because it refuses to be root."""

    def __init__(self) -> None:
        bin_folder = programs()
        if bin_folder is None:
            pytest.skip("no PostgreSQL server here: apt-get install postgresql")
        self._bin = bin_folder
        self._as: list[str] = []
        if os.geteuid() == 0 and shutil.which("runuser") is None:
            pytest.skip("PostgreSQL refuses to run as root, and there is no runuser")
        self._folder = Path(tempfile.mkdtemp(prefix="fabio-pg-"))
        if os.geteuid() == 0:
            self._as = ["runuser", "-u", "postgres", "--"]
            shutil.chown(self._folder, "postgres")
        self.port = quiet_port()
        self._run("initdb", "-D", "data", "-U", "fabio", "--auth=trust", "--no-sync", "-E", "UTF8", "--no-locale")

    def url(self, database: str) -> str:
        """Address of a database."""
        return f"postgresql+psycopg://fabio@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = (f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories='' -c fsync=off "
                   "-c shared_buffers=8MB -c max_connections=10")
        self._run("pg_ctl", "start", "-D", "data", "-w", "-t", "240", "-l", "log", "-o", options)

    def kill(self) -> None:
        """End it as a power failure would: nobody is told, nothing is put away."""
        self._run("pg_ctl", "stop", "-D", "data", "-m", "immediate", "-w")

    def make(self, database: str) -> str:
        """Make a database and give its address."""
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "fabio", database)
        return self.url(database)

    def ask(self, database: str, sql: str) -> str:
        """Run SQL with the server's own client."""
        return self._run("psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "fabio", "-At", "-c", sql, database)

    def remove(self) -> None:
        """End it and take its folder away."""
        subprocess.run([*self._as, self._bin / "pg_ctl", "stop", "-D", "data", "-m", "immediate"], cwd=self._folder,
                       capture_output=True, check=False)
        shutil.rmtree(self._folder)

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run([*self._as, self._bin / program, *arguments], cwd=self._folder, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False,
                              timeout=300)
        assert done.returncode == 0, f"{program}: {done.stdout}"
        return done.stdout


