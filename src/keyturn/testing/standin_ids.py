"""Ids as they are wanted: what is copied into a stand-in account keeps the id that it has where it was copied from.

Whoever copies says beforehand which ids come next (`PATH`, a JSON list), in the order in which they are given; the next thing whose id is of
that form has it. They are taken out of the queue as they are used, and all that were not are forgotten with the next list. What is
given so: ids of EC2, keys of KMS, hosted zones, REST and HTTP APIs with what is in them, user pools, event source mappings, and
load balancers with their listeners, rules and target groups.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from moto.apigateway import utils as rest
from moto.apigatewayv2 import models as http
from moto.awslambda import models as functions
from moto.cognitoidp import models as pools
from moto.ec2 import utils
from moto.elbv2 import models as balancing
from moto.kms import models as keys
from moto.moto_api._internal import mock_random
from moto.route53 import models as zones

PATH: Final = "/_standin/ids"

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_UUID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_KEY: Final = re.compile(rf"(?:mrk-)?{_UUID}")
_MAPPING: Final = re.compile(_UUID)
_ZONE: Final = re.compile(r"[0-9A-Z]{8,32}")
_SHORT: Final = re.compile(r"[0-9a-z]{5,10}")
_POOL: Final = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d_[0-9A-Za-z]+")
_BALANCER: Final = re.compile(r"(?:app|net|gwy)/[^/]+/[0-9a-f]{16}")
_BEHIND: Final = re.compile(r"(?:app|net|gwy)/[^/]+/[0-9a-f]{16}(?:/[0-9a-f]{16}){1,2}")
_TARGETS: Final = re.compile(r"[^/]+/[0-9a-f]{16}")

_KNOWN: Final = frozenset({"rest_api", "resource", "authorizer", "request_validator", "deployment"})
"""What of a REST API is known by its id; a model is by its name."""

_next: list[str] = []


def wanted(ids: list[str]) -> None:
    """These come next."""
    _next[:] = ids


def _taken(form: re.Pattern[str]) -> str:
    """The next id of this form, which is given once; empty where none is wanted."""
    found = next((one for one in _next if form.fullmatch(one)), "")
    if found:
        _next.remove(found)
    return found


@functools.cache
def fill_ids() -> None:
    """Once a process: each of these functions of moto's makes all ids of its kind."""
    _fill_ec2()
    _fill_apis()
    _fill_balancing()
    _before(keys, "generate_key_id", _KEY)
    _before(zones, "create_route53_zone_id", _ZONE)
    _before(pools, "generate_id", _POOL, lambda found: found.partition("_")[2])
    _named(functions.EventSourceMapping, _mapped)


def _before(
    module: Any, name: str, form: re.Pattern[str], told: Callable[[str], str] = lambda found: found
) -> None:
    """The function of this name asks first what is wanted."""
    make = getattr(module, name)

    def made(*given: Any, **named: Any) -> str:
        return told(_taken(form)) or str(make(*given, **named))

    setattr(module, name, made)


def _named(made: Any, name: Callable[[Any], None]) -> None:
    """What is made of this class is named once it is there."""
    begin = made.__init__

    def init(self: Any, *given: Any, **named: Any) -> None:
        begin(self, *given, **named)
        name(self)

    made.__init__ = init


def _fill_ec2() -> None:
    make = utils.random_id

    def random_id(prefix: str = "", size: int = 17) -> str:
        found = next((one for one in _next if one.rpartition("-")[0] == prefix), "")
        if found:
            _next.remove(found)
        return found or str(make(prefix, size))

    utils.random_id = random_id


def _mapped(mapping: Any) -> None:
    found = _taken(_MAPPING)
    if found:
        mapping.arn = mapping.arn.replace(mapping.uuid, found)
        mapping.uuid = found


def _fill_apis() -> None:
    """Of a REST API all ids are made by one function; of an HTTP API each thing makes its own."""
    make = rest.generate_str_id

    def made(resource_identifier: Any, **named: Any) -> str:
        known = resource_identifier.resource in _KNOWN
        return (_taken(_SHORT) if known else "") or str(make(resource_identifier, **named))

    rest.generate_str_id = made
    _named(http.Api, _api)
    _named(http.Route, _route)
    _named(http.Integration, _within)
    _named(http.Authorizer, _within)


def _api(api: Any) -> None:
    found, was = _taken(_SHORT), api.api_id
    if found:
        tags = api.backend.get_tags(api.arn)
        api.api_id = found
        api.api_endpoint, api.arn = (one.replace(was, found) for one in (api.api_endpoint, api.arn))
        api.backend.tag_resource(api.arn, tags)


def _route(route: Any) -> None:
    route.route_id = _taken(_SHORT) or route.route_id


def _within(one: Any) -> None:
    one.id = _taken(_SHORT) or one.id


class _Chance:
    """What moto's load balancers take their chances from. Listeners and rules say the length of an id by its place, the others by its
    name; of theirs the whole ARN is what is wanted.
    """

    def get_random_hex(self, *place: int, **named: int) -> str:
        found = _taken(_BEHIND) if place else ""
        return found.rpartition("/")[2] or str(mock_random.get_random_hex(*place, **named))


def _fill_balancing() -> None:
    balancing.mock_random = _Chance()
    _arn("make_arn_for_load_balancer", "loadbalancer", _BALANCER)
    _arn("make_arn_for_target_group", "targetgroup", _TARGETS)


def _arn(name: str, kind: str, form: re.Pattern[str]) -> None:
    make = getattr(balancing, name)

    def made(*given: Any, **named: Any) -> str:
        arn, found = str(make(*given, **named)), _taken(form)
        return f"{arn.partition(f':{kind}/')[0]}:{kind}/{found}" if found else arn

    setattr(balancing, name, made)


def with_ids(app: Application) -> Application:
    """The application, with the place where ids are asked for."""

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != PATH:
            return app(environ, start)
        length = int(environ.get("CONTENT_LENGTH") or 0)
        wanted([str(one) for one in json.loads(environ["wsgi.input"].read(length))])
        start("200 OK", [("content-type", "application/json"), ("content-length", "2")])
        return [b"{}"]

    return answer
