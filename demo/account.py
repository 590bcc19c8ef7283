"""A key to the account, and the names of the cost-report service: every one follows from the service's name."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config


class Account:
    """boto3 clients of one account, one region, one key."""

    def __init__(self, endpoint: str, key: str, secret: str, region: str = "eu-central-1") -> None:
        self.endpoint, self.region = endpoint, region
        self._session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name=region)
        self._clients: dict[str, Any] = {}

    def __call__(self, service: str) -> Any:
        if service not in self._clients:
            config = Config(retries={"max_attempts": 2}, s3={"addressing_style": "path"})
            self._clients[service] = self._session.client(service, endpoint_url=self.endpoint, config=config)
        return self._clients[service]


def names(service: str) -> dict[str, str]:
    """Every name of the environment, from the service's."""
    return {
        "table": f"{service}-items",
        "archive": f"{service}-archive",
        "reports": f"{service}-reports",
        "scratch": f"{service}-exports",
        "queue": f"{service}-jobs",
        "function": f"{service}-api",
        "role": f"{service}-role",
        "parameter": f"/{service}/endpoint",
        "secret": f"/{service}/token",
        "alarm": f"{service}-errors",
        "wrong_table": f"{service}-itmes",
    }


def tags(service: str) -> dict[str, str]:
    return {"environment": "production", "service": service}
