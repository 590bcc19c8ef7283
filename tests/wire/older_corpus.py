"""Requests as clients of older releases make them. Written by ``python -m tests.wire.older_corpus``, after ``make catalogue``.

The models are those of the older wheels, the serializers the installed botocore's: the protocols have not changed, what is said in
them has. Kept as a file, so that the test needs no wheel.
"""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any, Final

from botocore.model import ServiceModel

from keyturn.providers.aws.wire import CredentialScope, WireRequest
from tests.wire import oracle

FILE: Final = Path(__file__).with_name("older.json.gz")


def write(wheels: Path) -> int:
    """One request with the required and one with all parameters of each operation that older releases have otherwise."""
    from botocore.loaders import Loader

    from tools.catalogue import older

    loader = Loader()
    newest = {
        service: loader.load_service_model(service, "service-2")
        for service in loader.list_available_services("service-2")
    }
    lines = []
    for service, release, raw in older.kept(newest, wheels):
        model = ServiceModel(raw, service_name=service)
        for operation in sorted(raw["operations"]):
            for full in (False, True):
                shape = model.operation_model(operation).input_shape
                given = oracle.parameters(shape, full=full)
                request, scope = oracle.request_of(model, operation, given)
                lines.append(
                    {
                        "service": service,
                        "release": release,
                        "operation": operation,
                        "given": oracle.plain(given),
                        "signing": scope.signing_name,
                        "method": request.method,
                        "target": request.target,
                        "headers": request.headers,
                        "body": base64.b64encode(request.body or b"").decode(),
                    }
                )
    FILE.write_bytes(gzip.compress(json.dumps(lines, separators=(",", ":")).encode(), 9, mtime=0))
    return len(lines)


def read() -> list[tuple[dict[str, Any], WireRequest, CredentialScope]]:
    """What `write` wrote."""
    made = []
    for line in json.loads(gzip.decompress(FILE.read_bytes())):
        headers = tuple((name, value) for name, value in line["headers"])
        request = WireRequest(line["method"], line["target"], headers, base64.b64decode(line["body"]))
        made.append((line, request, CredentialScope("AKID", "20260220", "us-east-1", line["signing"])))
    return made


if __name__ == "__main__":
    print(write(Path(__file__).parents[2] / ".botocore"), "requests,", FILE.stat().st_size, "bytes")
