"""``keyturn init`` and ``keyturn up`` as processes: what they say, what they refuse, and that a refusal leaves nothing half made."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

WAIT_S = 90.0
ACCOUNT = "123456789012"


class Host:
    """A host with one user and no Keyturn yet."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.config, self.data = home / "etc" / "keyturn.toml", home / "data"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "KEYTURN_CONFIG": str(self.config),
        }

    def keyturn(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command that ends; what it says never has a traceback in it."""
        command = [sys.executable, "-m", "keyturn.cli.main", *words]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=WAIT_S, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def init(self, *more: str, data: Path | None = None) -> subprocess.CompletedProcess[str]:
        ports = ("--gateway-port", "0", "--console-port", "0")
        return self.keyturn("init", "--account", ACCOUNT, "--data-dir", str(data or self.data), *ports, *more)

    def up(self, *more: str, meanwhile: Callable[[], None] = lambda: None) -> tuple[str, int]:
        """What it says once it listens, and its exit code after SIGTERM."""
        command = [sys.executable, "-m", "keyturn.cli.main", "up", *more]
        with subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            said = process.stdout.readline() + process.stdout.readline()
            try:
                meanwhile()
            finally:
                process.send_signal(signal.SIGTERM)
            code = process.wait(WAIT_S)
        return said, code

    def kept(self) -> dict[str, bytes]:
        """The log and the keys, as they are."""
        return {
            str(path): path.read_bytes()
            for path in sorted(self.data.rglob("*"))
            if path.suffix in {".db", ".key"}
        }

    def change(self, before: str, after: str) -> None:
        text = self.config.read_text()
        assert before in text
        self.config.write_text(text.replace(before, after, 1))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which init has run once; copied for each test."""
    home = tmp_path_factory.mktemp("made")
    assert Host(home).init().returncode == 0
    return home


@pytest.fixture
def installed(made: Path, tmp_path: Path) -> Host:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    host = Host(tmp_path)
    host.change(str(made), str(tmp_path))
    return host


def test_what_init_makes_is_its_owners_alone(host: Host) -> None:
    """Configuration, keys, log: nobody else reads them; it says what to do next, and is not done twice."""
    told = host.init()
    assert told.returncode == 0
    assert "keyturn login --token kt_" in told.stdout
    names = ("keyturn.db", "keys/installation.key", "keys/signing.key")
    for path in (host.config, *(host.data / name for name in names)):
        assert path.stat().st_mode & 0o077 == 0, path
    before = host.kept()
    again = host.init()
    assert (again.returncode, "exists already" in again.stderr) == (1, True)
    assert host.kept() == before


def test_init_says_where_to_log_in(host: Host) -> None:
    """On a port of one's own the command that it prints works as it stands."""
    told = host.init("--console-port", "9421")
    assert "  keyturn --url http://127.0.0.1:9421 login --token kt_" in told.stdout


@pytest.mark.parametrize(
    ("words", "data", "says"),
    [
        (("--admin", "Not A Name"), "data", "is no user name"),
        (("--gateway-port", "99999"), "data", "gateway.port = 99999 is no port"),
        (("--account", "12"), "data", "twelve digits"),
        ((), "file/data", "Not a directory"),
    ],
)
def test_what_init_refuses_leaves_the_way_free(
    host: Host, words: tuple[str, ...], data: str, says: str
) -> None:
    """A configuration without an administrator would lock everybody out, and a second init would be refused."""
    (host.home / "file").touch()
    told = host.init(*words, data=host.home / data)
    assert told.returncode == 1
    assert says in told.stderr
    assert not host.config.exists()
    assert host.init().returncode == 0


def test_a_folder_may_be_called_as_it_likes(host: Host) -> None:
    """Quotes and backslashes come back out of the configuration as they went in."""
    data = host.home / 'a "quoted" \\ one'
    assert host.init(data=data).returncode == 0
    assert (data / "keyturn.db").exists()
    assert "gateway http://127.0.0.1:" in host.up()[0]


def test_up_says_how_far_it_can_be_trusted(installed: Host) -> None:
    """Advisory until the account agrees, observe as asked; SIGTERM ends it well."""
    said, code = installed.up()
    assert code == 0
    assert "gateway http://127.0.0.1:" in said
    assert "ADVISORY" in said
    assert "keyturn guard aws" in said
    said, _ = installed.up("--observe")
    assert "OBSERVE: everything is forwarded" in said


def _damaged(host: Host) -> None:
    file = host.data / "keyturn.db"
    raw = bytearray(file.read_bytes())
    raw[100:6000] = b"\xa5" * 5900
    file.write_bytes(raw)


def _no_database(host: Host) -> None:
    (host.data / "keyturn.db").write_text("hello")


def _cut(host: Host) -> None:
    (host.data / "keyturn.db").write_bytes(b"")


def _gone(host: Host) -> None:
    (host.data / "keyturn.db").unlink()


def _open_key(host: Host) -> None:
    (host.data / "keys" / "installation.key").chmod(0o644)


def _lost_key(host: Host) -> None:
    (host.data / "keys" / "installation.key").unlink()


def _lost_signing_key(host: Host) -> None:
    (host.data / "keys" / "signing.key").unlink()


def _bad_port(host: Host) -> None:
    host.change("port = 0", "port = 65536")


def _typo(host: Host) -> None:
    host.change("[gateway]", "[gatway]")


def _no_text(host: Host) -> None:
    host.config.write_bytes(b"\xff\xfe")


def _no_pack(host: Host) -> None:
    host.change('"seatbelt"', '"seatbell"')


BROKEN: list[tuple[Callable[[Host], None], str, str]] = [
    (_damaged, "corrupt", "restore a backup"),
    (_no_database, "corrupt", "restore a backup"),
    (_cut, "empty", "restore it from a backup"),
    (_gone, "no-installation", "keyturn init"),
    (_open_key, "key-mode", "chmod 600"),
    (_lost_key, "no-key", "restore it from your backup"),
    (_lost_signing_key, "no-key", "restore it from your backup"),
    (_bad_port, "config-port", "1 to 65535"),
    (_typo, "config-unknown", "did you mean gateway?"),
    (_no_text, "config-toml", "toml.io"),
    (_no_pack, "no-such-pack", "shipped are: caps, seatbelt"),
]


@pytest.mark.parametrize(("broken", "code", "help_"), BROKEN, ids=[row[0].__name__[1:] for row in BROKEN])
def test_up_does_not_start_on_what_is_broken(
    installed: Host, broken: Callable[[Host], None], code: str, help_: str
) -> None:
    """One line that names it, one that says what to do, exit code 1; what is there stays, and nothing is made anew over it."""
    broken(installed)
    before = installed.kept()
    told = installed.keyturn("up")
    assert told.returncode == 1, told.stdout
    assert f"[{code}]" in told.stderr
    assert help_ in told.stderr
    assert installed.kept() == before


def test_a_port_that_is_taken_is_named_with_its_setting(installed: Host) -> None:
    """Either of the two."""
    free = installed.config.read_text()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for table in ("gateway", "console"):
            head, _, tail = free.partition(f"[{table}]")
            installed.config.write_text(f"{head}[{table}]{tail.replace('port = 0', f'port = {port}', 1)}")
            told = installed.keyturn("up")
            assert told.returncode == 1
            assert f"set {table}.port" in told.stderr
            assert "[no-port]" in told.stderr


def test_one_log_has_one_plane(installed: Host) -> None:
    """A second start is refused while the first runs, and the first goes on."""
    told: list[subprocess.CompletedProcess[str]] = []
    _, code = installed.up(meanwhile=lambda: told.append(installed.keyturn("up")))
    assert code == 0
    assert told[0].returncode == 1
    assert "[in-use]" in told[0].stderr
