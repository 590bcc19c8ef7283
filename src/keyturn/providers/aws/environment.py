"""Which environment a resource belongs to: its tags, the account's configuration, and names as a hint that only raises.

What an agent says about its own request (tags of a create) may raise a resource to production, never lower it: whoever asks
is not who classifies. The strictest of several answers wins; nothing said is ``unknown``, which counts as production.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from keyturn.model.assessment import Heard
from keyturn.model.change import ResourceRef

PRODUCTION: Final = "production"
UNKNOWN: Final = "unknown"

TAG_KEYS: Final = frozenset(
    {
        "environment",
        "env",
        "stage",
        "deployment-environment",
        "deploymentenvironment",
        "deployment_environment",
        "tier-env",
    }
)
"""Tag keys that speak of an environment, in lower case; prefixes like ``acme:`` are dropped first."""

_NORMAL: Final = {
    "prod": PRODUCTION,
    "prd": PRODUCTION,
    "production": PRODUCTION,
    "live": PRODUCTION,
    "stage": "staging",
    "staging": "staging",
    "stg": "staging",
    "preprod": "staging",
    "pre-prod": "staging",
    "uat": "staging",
    "test": "test",
    "testing": "test",
    "qa": "test",
    "ci": "test",
    "dev": "development",
    "develop": "development",
    "development": "development",
    "sandbox": "sandbox",
    "demo": "sandbox",
}

_STRICTNESS: Final = {PRODUCTION: 5, UNKNOWN: 4, "staging": 3, "test": 2, "development": 1, "sandbox": 0}

_PRODUCTION_NAME: Final = re.compile(r"(?i)(?<![a-z0-9])(prod|prd|production|live)(?![a-z0-9])")
_PRE: Final = re.compile(r"(?i)(?<![a-z0-9])(pre|non)[-_.]?prod")


def is_environment_key(key: str) -> bool:
    """Whether a tag of this key says what environment a resource is in."""
    return key.lower().rpartition(":")[2].rpartition("/")[2].replace(" ", "-") in TAG_KEYS


def normalise(value: str) -> str:
    """One word per environment; a value nobody knows stands for itself, as its owner calls it."""
    word = value.strip().lower()
    if _PRE.search(word):
        return "staging"
    return _NORMAL.get(word) or (PRODUCTION if _PRODUCTION_NAME.search(word) else word or UNKNOWN)


def strictest(environments: Iterable[str]) -> str:
    """The one that asks for most care; `UNKNOWN` of none. A word nobody knows asks for as much as one that was not said."""
    unsaid = _STRICTNESS[UNKNOWN]
    return max(environments, key=lambda name: (_STRICTNESS.get(name, unsaid), name), default=UNKNOWN)


def of_tags(tags: Mapping[str, Any]) -> tuple[str, ...]:
    """What tags say, normalised: the strictest word is for the caller to choose."""
    return tuple(normalise(str(value)) for key, value in tags.items() if is_environment_key(key))


_PRODUCT: Final = re.compile(r"prod-[a-z0-9]{13}")
"""How Service Catalog numbers its products (API_ProductViewSummary); it says nothing of where they are."""


def _is_an_id(ref: ResourceRef) -> bool:
    return ref.kind.startswith(("catalog:", "servicecatalog:")) and _PRODUCT.fullmatch(ref.id) is not None


def hear(
    ref: ResourceRef,
    *,
    standing: Mapping[str, Any] | None,
    claimed: Mapping[str, Any],
    accounts: Mapping[str, str],
    container: tuple[str, Mapping[str, Any]] | None = None,
    signed_account: str = "",
    arn: str = "",
) -> tuple[Heard, ...]:
    """Everybody who has something to say about one resource, in the order in which they are believed.

    `standing` are the tags that were read (None: not read or absent), `container` what it is a member of, with its tags,
    `claimed` the tags in the request. `accounts` is the configuration: account ids, and patterns of ARNs. The account is the one
    that STS says the plane's credentials are of (`signed_account`), and the resource's own where an ARN names another.
    """
    said = [Heard("tags", word, str(ref)) for word in of_tags(standing or {})]
    if container is not None:
        said += [Heard("container", word, container[0]) for word in of_tags(container[1])]
    for account in dict.fromkeys([signed_account or ref.account, ref.account]):
        if account in accounts:
            said.append(Heard("account", normalise(accounts[account]), account))
        elif account != (signed_account or account):
            said.append(
                Heard("account", UNKNOWN, account)
            )  # a stranger's: our own account does not speak for it
    said += [
        Heard("configuration", normalise(word), pattern)
        for pattern, word in accounts.items()
        if pattern.startswith("arn:") and arn and fnmatchcase(arn, pattern)
    ]
    said += [Heard("request", word, str(ref), counts=word == PRODUCTION) for word in of_tags(claimed)]
    if _PRODUCTION_NAME.search(ref.id) and not _PRE.search(ref.id) and not _is_an_id(ref):
        said.append(Heard("name", PRODUCTION, ref.id))
    return tuple(said)


def concluded(heard: Iterable[Heard]) -> str:
    """The strictest of what counts; `UNKNOWN` where nobody spoke."""
    return strictest(one.said for one in heard if one.counts)


def of_resource(
    ref: ResourceRef,
    *,
    standing: Mapping[str, Any] | None,
    claimed: Mapping[str, Any],
    accounts: Mapping[str, str],
) -> str:
    """Of one resource, by itself: see `hear`."""
    return concluded(hear(ref, standing=standing, claimed=claimed, accounts=accounts))
