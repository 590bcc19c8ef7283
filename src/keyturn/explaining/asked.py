"""Questions in each of their spellings: a command line, an operation with parameters, a CloudTrail event, a captured request."""

from __future__ import annotations

import base64
from typing import Any, Final

import msgspec

from keyturn.explaining.live import Live
from keyturn.providers.aws import captured, cloudtrail
from keyturn.providers.aws.cli import Files, Meant, no_files, resolve
from keyturn.providers.aws.resources import Home
from keyturn.providers.aws.wire_shapes import kebab
from keyturn.providers.aws.wire_table import load

LINE_CHARS_MAX: Final = 4_000_000
"""One question with its facts: a template of 1 MB, twice, and what stands."""


class NotAskedError(ValueError):
    """It is no question; the text says what is wrong with it."""


class Asked(msgspec.Struct, frozen=True):
    """One question. `why` is said where the request could not be read as anything: then it is unknown what it does."""

    meant: tuple[Meant, ...]
    home: Home
    spelled: tuple[str, ...] = ()
    unknowns: tuple[str, ...] = ()
    why: str = ""
    note: str = ""
    environment: str = ""  # what it is said to be; empty where nothing is said
    session: str = ""
    live: Any = None

    def facts(self) -> Live:
        return Live(self.live)


def asked_of_line(line: str | bytes, files: Files = no_files) -> Asked:
    """A line of JSON, or a command as it stands. Raises `NotAskedError`."""
    if len(line) > LINE_CHARS_MAX:
        raise NotAskedError(f"the line is longer than {LINE_CHARS_MAX} characters")
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        text = line.decode(errors="replace") if isinstance(line, bytes) else line
        if text.lstrip()[:1] in {"{", "["}:
            raise NotAskedError(f"the line is no JSON: {error}") from None
        return asked_of({"command": text}, files)
    return asked_of(found, files)


def asked_of(given: Any, files: Files = no_files) -> Asked:
    """The question of one object. Raises `NotAskedError`."""
    if not isinstance(given, dict):
        raise NotAskedError("a question is an object")
    if isinstance(given.get("CloudTrailEvent"), str):
        inner = _decoded(given["CloudTrailEvent"])
        return asked_of({**inner, **{name: given[name] for name in _BESIDE if name in given}}, files)
    if "command" in given:
        return _command(given, files)
    if "eventName" in given:
        return _event(given)
    if "operation" in given or "Operation" in given:
        return _operation(given)
    if "request" in given:
        return _request(given)
    raise NotAskedError("it has neither command, nor service and operation, nor eventName, nor request")


_BESIDE: Final = ("live", "environment", "session")


def _decoded(text: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise NotAskedError(f"CloudTrailEvent is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise NotAskedError("CloudTrailEvent is no object")
    return found


def _home(given: dict[str, Any], region: str = "") -> Home:
    text = {name: str(given.get(name) or "") for name in ("partition", "account", "region")}
    return Home(text["partition"] or "aws", text["account"], text["region"] or region)


def _asked(given: dict[str, Any], home: Home, meant: tuple[Meant, ...], **more: Any) -> Asked:
    live = given.get("live")
    said = given.get("environment") or (live.get("environment") if isinstance(live, dict) else None)
    return Asked(
        meant,
        home,
        environment=said if isinstance(said, str) else "",
        session=str(given.get("session") or ""),
        live=live,
        **more,
    )


def _command(given: dict[str, Any], files: Files) -> Asked:
    command = given["command"]
    if isinstance(command, list) and all(isinstance(word, str) for word in command):
        import shlex  # noqa: PLC0415  # seldom

        command = shlex.join(command)
    if not isinstance(command, str):
        raise NotAskedError("command is a text, or a list of words")
    beside = given.get("files")
    if isinstance(beside, dict):
        contents = {str(path): str(text).encode() for path, text in beside.items()}
        found = resolve(command, contents.get)
    else:
        found = resolve(command, files)
    region = next((one.region for one in found.meant if one.region), "")
    return _asked(
        given,
        _home(given, region),
        found.meant,
        spelled=found.spelled,
        unknowns=found.unknowns,
        why=found.why,
    )


def _operation(given: dict[str, Any]) -> Asked:
    operation = given.get("operation", given.get("Operation"))
    service = given.get("service", given.get("Service"))
    parameters = given.get("parameters", given.get("Parameters"))
    if not isinstance(operation, str):
        raise NotAskedError("operation is a text")
    if service is None and ":" in operation:
        service, _, operation = operation.partition(":")
    if not isinstance(service, str):
        raise NotAskedError("service is a text")
    if parameters is not None and not isinstance(parameters, dict):
        raise NotAskedError("parameters are an object")
    known, name = named(service, operation)
    unknown = () if parameters is not None else ("its parameters are not given",)
    return _asked(given, _home(given), (Meant(known, name, parameters or {}, unknown),))


def named(service: str, operation: str) -> tuple[str, str]:
    """Botocore's names for names that are nearly so: the CLI's, an endpoint's, in other letters. Unknown ones stay as they are."""
    from keyturn.providers.aws.cli.table import command, service_of  # noqa: PLC0415  # a cycle by way of the package

    plain = service.lower().removesuffix(".amazonaws.com")
    known = next(
        (one for one in (service, plain) if one in load().entries),
        service_of(service) or service_of(plain) or _by_signing_name(plain, operation),
    )
    if known not in load().entries:
        return service, operation
    names = load().service(known).operations
    if operation in names:
        return known, operation
    spelled = command(service, operation) or command(known, operation)
    if spelled is not None:
        return known, spelled.operation
    letters = kebab(operation).replace("-", "").replace("_", "").lower()
    return known, next((name for name in names if name.lower() == letters), operation)


def _by_signing_name(service: str, operation: str) -> str:
    found = [
        entry.service
        for entry in load().entries.values()
        if service in {entry.signing_name, entry.endpoint_prefix}
        and operation in load().service(entry.service).operations
    ]
    return found[0] if found else ""


def _event(given: dict[str, Any]) -> Asked:
    try:
        event = cloudtrail.read(given)
    except cloudtrail.NoEventError as error:
        return _asked(given, _home({}, str(given.get("awsRegion") or "")), (), why=str(error))
    meant = Meant(event.service, event.operation, event.parameters, event.unknown)
    return _asked(given, event.home, (meant,), note=event.note)


def _request(given: dict[str, Any]) -> Asked:
    """Bytes of HTTP: as text, or in base64."""
    text = given["request"]
    if not isinstance(text, str):
        raise NotAskedError("request is a text: the HTTP request, or its bytes in base64")
    data = text.encode()
    if " " not in text[:20]:
        try:
            data = base64.b64decode(text, validate=True)
        except ValueError:
            raise NotAskedError("request is neither HTTP nor base64") from None
    return asked_of_bytes(data, given)


def asked_of_bytes(data: bytes, given: dict[str, Any] | None = None) -> Asked:
    """The question of a captured request; what cannot be read in it is no error, and said."""
    given = given or {}
    try:
        found = captured.read(data)
    except captured.NoRequestError as error:
        return _asked(given, _home(given), (), why=f"the request could not be read: {error}")
    meant = Meant(found.service, found.operation, found.parameters)
    return _asked(given, _home(given, found.region), (meant,))
