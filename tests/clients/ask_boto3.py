"""One call of boto3 as an agent's script would make it: nothing but the environment says where and as whom. Prints one line of JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

import boto3
from botocore.exceptions import ClientError


def main() -> None:
    service, operation, given = sys.argv[1:]
    calls: list[Any] = []
    client = boto3.client(service)
    client.meta.events.register("before-send", lambda request, **_: calls.append(request))
    try:
        answer = getattr(client, operation)(**json.loads(given))
    except ClientError as error:
        told = error.response["Error"]
        sys.stdout.write(json.dumps({"error": told["Code"], "message": told["Message"], "calls": len(calls)}))
        sys.exit(1)
    answer.pop("ResponseMetadata", None)
    if "Body" in answer:
        answer["Body"] = answer["Body"].read().decode()
    sys.stdout.write(json.dumps({"answer": answer}, default=str))


if __name__ == "__main__":
    main()
