"""What the botocore that is installed says of operations which the catalogue does not have: read from disk, once a service."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from botocore.exceptions import DataNotFoundError, UnknownServiceError
from botocore.loaders import Loader

from keyturn.providers.aws import catalogue


def models(loader: Loader) -> catalogue.Models:
    """A `catalogue.Models` over `loader`: a service's model with the names of its paginated operations, or None."""

    @cache
    def model(service: str) -> Mapping[str, Any] | None:
        found = _load(loader, service, "service-2")
        if found is None:
            return None
        pages = _load(loader, service, "paginators-1") or {}
        return {**found, "paginated": frozenset(pages.get("pagination", {}))}

    return model


def _load(loader: Loader, service: str, kind: str) -> dict[str, Any] | None:
    try:
        return dict(loader.load_service_model(service, kind))
    except (UnknownServiceError, DataNotFoundError):
        return None


def read_installed() -> None:
    """From now on `catalogue.lookup` classifies what is younger than the catalogue by the installed botocore."""
    catalogue.read_newer_from(models(Loader()))
