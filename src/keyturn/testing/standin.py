"""A stand-in AWS account on loopback: moto's server, with the gaps filled that Keyturn's users would meet.

It is not AWS, and it says so. What is filled, and the sentence of AWS it follows:

- Lambda ``RevisionId`` exists, changes with each update, and is enforced when it is given (API_UpdateFunctionConfiguration:
  "Update the function only if the revision ID matches the ID that's specified").
- Lambda ``Code.Location`` of GetFunction can be downloaded (API_GetFunction: a presigned link "valid for 10 minutes").
- A DynamoDB table restored from a backup keeps its billing mode (CreateBackup guide: provisioned capacity and indexes are
  restored); tags, time to live, streams and protection are not restored, as on AWS.

Everything else is moto's own, listed in its documentation.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterable
from typing import Any, Final, Self

READY_S_MAX: Final = 30.0
"""moto imports for a second or two; a busy machine takes longer."""

CODE_PATH: Final = "/_standin/code/"

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class StandIn:
    """A stand-in account in a process of its own. Use it as a context manager, or `start` and `stop` it."""

    def __init__(self, port: int = 0) -> None:
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __repr__(self) -> str:
        return f"<StandIn {self.endpoint} {'running' if self._process else 'stopped'}>"

    def start(self) -> Self:
        """Start it and wait until it answers. Raises `RuntimeError` with its output when it does not."""
        command = [sys.executable, "-m", "keyturn.testing.standin", "--port", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # noqa: S603  # our own module
        deadline = time.monotonic() + READY_S_MAX
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                said = (self._process.stderr.read() if self._process.stderr else b"").decode(errors="replace")
                raise RuntimeError(f"the stand-in account did not start: {said[-2000:]}")
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"{self.endpoint}/moto-api/", timeout=1).close()
                return self
            time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"the stand-in account did not answer within {READY_S_MAX:.0f} s")

    def stop(self) -> None:
        """End it; safe to call twice."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stderr:
            process.stderr.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# --- the server process ----------------------------------------------------------------------------------------------


def fill_gaps(port: int) -> None:
    """Patch moto's models in this process, as the module's docstring lists it."""
    _lambda_revisions(port)
    _restored_billing()


def _lambda_revisions(port: int) -> None:
    from moto.awslambda import models
    from moto.awslambda.exceptions import PreconditionFailedException

    function = models.LambdaFunction

    def revision(self: Any) -> str:
        found: str = self.__dict__.setdefault("_standin_revision", str(uuid.uuid4()))
        return found

    def renew(self: Any, given: dict[str, Any]) -> None:
        wanted = given.get("RevisionId")
        if wanted and wanted != revision(self):
            raise PreconditionFailedException(
                "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve "
                "the latest Revision Id"
            )
        self.__dict__["_standin_revision"] = str(uuid.uuid4())

    original_configuration, original_update, original_code, original_get = (
        function.get_configuration,
        function.update_configuration,
        function.update_function_code,
        function.get_code,
    )

    def get_configuration(self: Any, on_create: bool = False) -> dict[str, Any]:
        made: dict[str, Any] = original_configuration(self, on_create)
        return made | {"RevisionId": revision(self)}

    def update_configuration(self: Any, config_updates: dict[str, Any]) -> dict[str, Any]:
        renew(self, config_updates)
        original_update(self, config_updates)
        return get_configuration(self)

    def update_function_code(self: Any, updated_spec: dict[str, Any]) -> dict[str, Any]:
        renew(self, updated_spec if not self.__dict__.pop("_standin_twice", False) else {})
        self.__dict__["_standin_twice"] = True  # moto's backend calls this twice for one request
        original_code(self, updated_spec)
        return get_configuration(self)

    def get_code(self: Any) -> dict[str, Any]:
        made: dict[str, Any] = original_get(self)
        if getattr(self, "code_bytes", None):
            place = f"http://127.0.0.1:{port}{CODE_PATH}{self.account_id}/{self.region}/{self.function_name}"
            made["Code"] = {"RepositoryType": "S3", "Location": place}
        return made

    function.get_configuration, function.update_configuration = get_configuration, update_configuration
    function.update_function_code, function.get_code = update_function_code, get_code


def _restored_billing() -> None:
    from moto.dynamodb.models import table

    original = table.RestoredTable._parse_params_from_backup  # noqa: SLF001  # the gap is there

    def with_billing(self: Any, backup: Any) -> dict[str, Any]:
        made: dict[str, Any] = original(self, backup)
        return made | {"billing_mode": backup.table.billing_mode}

    table.RestoredTable._parse_params_from_backup = with_billing  # noqa: SLF001  # as above


def _with_code(app: Application) -> Application:
    """The application, with the places where functions' code lies."""

    def serve(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = str(environ.get("PATH_INFO", ""))
        if not path.startswith(CODE_PATH):
            return app(environ, start)
        from moto.awslambda.models import lambda_backends

        account, region, name = path.removeprefix(CODE_PATH).split("/", 2)
        code: bytes = lambda_backends[account][region].get_function(name).code_bytes
        start("200 OK", [("content-type", "application/zip"), ("content-length", str(len(code)))])
        return [code]

    return serve


def main() -> None:
    """``python -m keyturn.testing.standin --port 5000``: a stand-in account for people."""
    parser = argparse.ArgumentParser(description="A stand-in AWS account on loopback (moto). It is not AWS.")
    parser.add_argument("--port", type=int, default=5000)
    port = parser.parse_args().port
    os.environ["MOTO_PORT"] = str(port)
    try:
        from moto.moto_server.werkzeug_app import (
            DomainDispatcherApplication,
            MotoRequestHandler,
            create_backend_app,
        )
        from werkzeug.serving import run_simple
    except ImportError as error:
        sys.exit(f"the stand-in account needs moto: pip install 'moto[server]' ({error})")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    fill_gaps(port)
    sys.stderr.write(f"This is a stand-in account (moto), not AWS: http://127.0.0.1:{port}\n")
    run_simple(
        "127.0.0.1",
        port,
        _with_code(DomainDispatcherApplication(create_backend_app)),
        threaded=True,
        request_handler=MotoRequestHandler,
    )


if __name__ == "__main__":
    main()
