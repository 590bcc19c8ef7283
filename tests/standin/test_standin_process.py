"""The stand-in's process: it starts soon, on a port of its own, says what it is, and never outlives who started it."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from demo.world import Account
from keyturn.testing.standin import SAYS, StandIn


def answers(endpoint: str) -> bool:
    try:
        urllib.request.urlopen(f"{endpoint}/moto-api/", timeout=30).close()
    except OSError:
        return False
    return True


def test_it_answers_once_started_and_is_gone_once_stopped() -> None:
    """`start` returns when it answers; `stop` may be called twice; the same object can be started again."""
    account = StandIn()
    with pytest.raises(RuntimeError, match="no endpoint before it is started"):
        _ = account.endpoint
    with account:
        assert answers(account.endpoint)
        with pytest.raises(RuntimeError, match="started already"):
            account.start()
    account.stop()
    assert not answers(account.endpoint)
    with account:
        assert answers(account.endpoint)


def test_two_accounts_know_nothing_of_each_other() -> None:
    """Each is a process of its own with a world of its own."""
    with StandIn() as one, StandIn() as other:
        for standin, queue in ((one, "left"), (other, "right")):
            Account(standin.endpoint, "AKIA", "secret")("sqs").create_queue(QueueName=queue)
        seen = [
            url.rpartition("/")[2]
            for standin in (one, other)
            for url in Account(standin.endpoint, "AKIA", "secret")("sqs").list_queues()["QueueUrls"]
        ]
    assert seen == ["left", "right"]


def test_it_says_that_it_is_a_stand_in(standin: StandIn, account: Account) -> None:
    """Nobody can take it for AWS: each response carries the header."""
    name, value = SAYS
    assert account("sts").get_caller_identity()["ResponseMetadata"]["HTTPHeaders"][name] == value
    with urllib.request.urlopen(f"{standin.endpoint}/moto-api/", timeout=30) as answer:
        assert answer.headers[name] == value


def test_a_role_can_be_assumed(account: Account) -> None:
    """STS works, as the plane's executors need it: other keys, named by role and session."""
    given = account("sts").assume_role(
        RoleArn="arn:aws:iam::123456789012:role/keyturn-change", RoleSessionName="C-1"
    )
    assert given["Credentials"]["SessionToken"]
    assert given["AssumedRoleUser"]["Arn"].endswith("assumed-role/keyturn-change/C-1")


def test_a_taken_port_is_told() -> None:
    """What the child said is quoted when it does not start."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port: int = taken.getsockname()[1]
        with pytest.raises(RuntimeError, match=r"did not start[^$]*in use"):
            StandIn(port).start()


def test_it_ends_with_the_process_that_started_it() -> None:
    """Killed without a chance to clean up, the parent leaves no server behind."""
    script = (
        "from keyturn.testing.standin import StandIn\n"
        "import time\n"
        "print(StandIn().start().endpoint, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        endpoint = parent.stdout.readline().strip()
        assert answers(endpoint)
        parent.kill()
    deadline = time.monotonic() + 60
    while answers(endpoint) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not answers(endpoint)


def test_thousands_of_requests_do_not_stop_it(standin: StandIn) -> None:
    """It tells nothing of each request: what nobody reads would fill a pipe, and the account would hang."""
    host, port = "127.0.0.1", standin.port
    request = b"GET /moto-api/ HTTP/1.0\r\nX-Padding: " + b"a" * 200 + b"\r\n\r\n"
    for _ in range(1_500):
        with socket.create_connection((host, port), timeout=30) as connection:
            connection.sendall(request)
            assert connection.recv(12) == b"HTTP/1.1 200"


def test_without_moto_it_says_what_to_install() -> None:
    """The error names the package, and comes before anything listens."""
    script = (
        "import sys\nsys.modules['moto'] = None\n"
        "sys.argv = ['standin', '--port', '0']\n"
        "from keyturn.testing import standin\nstandin.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'moto[server]'" in done.stderr
