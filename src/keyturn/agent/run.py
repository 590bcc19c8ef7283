"""``keyturn run``: the child gets the gateway and a session's key, and nothing that would reach AWS around them."""

from __future__ import annotations

import contextlib
import os
import signal
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Final, Protocol
from urllib.parse import quote

from keyturn.agent.siblings import endpoints
from keyturn.errors import KeyturnError, OperatorError

_TAKEN_AWAY: Final = ("AWS_", "KEYTURN_")
"""Prefixes of variables that could carry a credential, name a profile or point to an endpoint."""

_NO_PREFIX: Final = "AWS_DISABLE_HOST_PREFIX_INJECTION"
"""Some operations put a word before the endpoint's name (``sync-`` of Step Functions); before an address there is no place for one."""

_PASSED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class _Api(Protocol):
    def post(self, path: str, body: dict[str, Any] | None = None) -> Any: ...


def session_environment(session: Mapping[str, Any]) -> dict[str, str]:
    """What an SDK needs to speak to the gateway as this session."""
    return {
        "AWS_ENDPOINT_URL": str(session["endpoint_url"]),
        **endpoints(str(session["endpoint_url"])),
        "AWS_ACCESS_KEY_ID": str(session["access_key_id"]),
        "AWS_SECRET_ACCESS_KEY": str(session["secret_access_key"]),
        "AWS_REGION": str(session["region"]),
        "AWS_DEFAULT_REGION": str(session["region"]),
        "AWS_EC2_METADATA_DISABLED": "true",
        _NO_PREFIX: "true",
    }


def proxy_environment(session: Mapping[str, Any], ambient: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The same by way of the proxy: SDKs keep AWS's own names, and trust our authority (its files are written to `folder`).

    Python and the AWS CLI, Go and curl take one bundle in place of their own, so it holds the system's authorities too; Node takes
    ours beside them. (NODE_USE_ENV_PROXY is not set: AWS's SDK brings an agent of its own, which does not heed it, and all else that a
    Node program fetches would come here too.) Raises `OperatorError` when the gateway is no proxy.
    """
    if not session.get("proxy_url"):
        raise OperatorError(
            "no-proxy",
            "this gateway is no proxy",
            help="set gateway.proxy = true in keyturn.toml, and restart it",
        )
    ours, bundle = folder / "ca.pem", folder / "bundle.pem"
    ours.write_text(session["ca"])
    bundle.write_text(_system_authorities() + session["ca"])
    scheme, _, place = str(session["proxy_url"]).partition("://")
    proxy = f"{scheme}://{session['access_key_id']}:{quote(session['secret_access_key'], safe='')}@{place}"
    around = ",".join(
        name
        for name in (ambient.get("NO_PROXY") or ambient.get("no_proxy") or "").split(",")
        if name.strip() and name.strip() != "*" and "aws" not in name.lower()
    )
    plain = session_environment(session)
    of_endpoints = ("AWS_ENDPOINT_URL", _NO_PREFIX)
    made = {name: value for name, value in plain.items() if not name.startswith(of_endpoints)}
    for name in ("HTTPS_PROXY", "https_proxy"):
        made[name] = proxy
    for name in ("NO_PROXY", "no_proxy"):
        made[name] = around
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"):
        made[name] = str(bundle)
    return made | {"NODE_EXTRA_CA_CERTS": str(ours)}


def _system_authorities() -> str:
    places = ssl.get_default_verify_paths()
    for place in (os.environ.get("SSL_CERT_FILE"), places.cafile, places.openssl_cafile):
        if place and Path(place).is_file():
            return Path(place).read_text(errors="replace").rstrip("\n") + "\n"
    return ""


def child_environment(
    session: Mapping[str, Any], ambient: Mapping[str, str], folder: Path, *, proxy: bool = False
) -> dict[str, str]:
    """The ambient environment without anything of AWS's or Keyturn's own, and the session's instead.

    An empty file in `folder` stands for both of the SDK's shared files.
    """
    empty = folder / "empty"
    empty.touch(mode=0o600)
    kept = {name: value for name, value in ambient.items() if not name.startswith(_TAKEN_AWAY)}
    files = {"AWS_CONFIG_FILE": str(empty), "AWS_SHARED_CREDENTIALS_FILE": str(empty)}
    made = proxy_environment(session, ambient, folder) if proxy else session_environment(session)
    return kept | made | files | {"KEYTURN_SESSION": str(session["session"])}


def run_agent(
    api: _Api, agent: str, command: tuple[str, ...], *, ttl_s: int, suggest_only: bool, proxy: bool = False
) -> int:
    """Run the command in a session of its own; returns its exit code (128 + the signal that ended it).

    Signals go to the child; the session ends with it, whatever ends it.
    """
    session = api.post("/sessions", {"agent": agent, "ttl_s": ttl_s, "suggest_only": suggest_only})
    if session.get("mode") == "advisory":
        sys.stderr.write(
            "keyturn: ADVISORY: this account can be changed around Keyturn (see: keyturn guard aws)\n"
        )
    if session.get("mode") == "observe":
        sys.stderr.write("keyturn: OBSERVE: everything is forwarded, nothing is held\n")
    try:
        with tempfile.TemporaryDirectory(prefix="keyturn-") as folder:
            return run_child(command, child_environment(session, os.environ, Path(folder), proxy=proxy))
    finally:
        with contextlib.suppress(KeyturnError):
            api.post(f"/sessions/{session['session']}/end", {"reason": "the agent ended"})


def run_child(command: tuple[str, ...], environment: dict[str, str], *, aside: bool = False) -> int:
    """The command's exit code; signals of ours are passed on to it. `aside`: what it prints goes to the error output, not among ours."""
    try:
        child = subprocess.Popen(command, env=environment, stdout=sys.stderr if aside else None)  # noqa: S603  # the user's own command
    except OSError as error:
        sys.stderr.write(f"keyturn: {command[0]} cannot be run: {error.strerror}\n")
        return 127 if isinstance(error, FileNotFoundError) else 126

    def passed(number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(number)

    before = {number: signal.signal(number, passed) for number in _PASSED}
    try:
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 128 - code if code < 0 else code
