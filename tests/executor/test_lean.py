"""botocore's data, read lean: the same clients, less memory."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from botocore.loaders import Loader

from keyturn.executors.lean import Table, session, without_documentation

KINDS = ("endpoint-rule-set-1", "paginators-1", "service-2", "waiters-2")


@pytest.mark.parametrize("service", ["dynamodb", "s3", "iam", "sts", "mediaconvert"])
def test_a_model_is_the_same_but_for_its_documentation(service: str) -> None:
    """Whatever a client is made of is what botocore itself would read, key by key and in order."""
    plain, lean = Loader(), session().get_component("data_loader")
    for kind in KINDS:
        if service not in plain.list_available_services(kind):
            continue
        ours, theirs = lean.load_service_model(service, kind), plain.load_service_model(service, kind)
        assert repr(_plain(ours)) == repr(without_documentation(_plain(theirs))), kind
    assert "documentation" in repr(plain.load_service_model(service, "service-2"))


def _plain(value: Any) -> Any:
    """Ordered dictionaries as plain ones; the order shows in their `repr`."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def test_endpoints_are_found_as_before() -> None:
    """The partitions' file is read lean too: a client of another partition speaks to its own host."""
    client = session().create_client(
        "dynamodb", region_name="cn-north-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    assert client.meta.endpoint_url == "https://dynamodb.cn-north-1.amazonaws.com.cn"


def test_a_member_that_is_called_documentation_stays() -> None:
    """Only texts are emptied: API Gateway, for one, has members of that name."""
    members = {"members": {"documentation": {"shape": "String", "documentation": "a text"}}}
    assert without_documentation(members) == {
        "members": {"documentation": {"shape": "String", "documentation": ""}}
    }


def test_what_is_not_there_is_none() -> None:
    """As botocore's own reader says it: it looks in several places."""
    assert session().get_component("data_loader").file_loader.load_file("/nowhere/service-2") is None


def test_a_client_of_s3_can_be_used() -> None:
    """Botocore asks for the documentation of a client's own parameters by name, when the first call is made."""
    client = session().create_client(
        "s3", region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    assert client.generate_presigned_url("get_object", {"Bucket": "b", "Key": "k"}).startswith("https://")
    assert client.meta.service_model.client_context_parameters


@pytest.mark.parametrize(
    ("way", "read"),
    {
        "dict": dict,
        "unpacked": lambda table: {**table},
        "copied": copy.copy,
        "copied whole": copy.deepcopy,
        "its own copy": lambda table: table.copy(),
        "united": lambda table: table | {},
        "united from the left": lambda table: {} | table,
        "items": lambda table: dict(table.items()),
        "values": lambda table: dict(zip(table, table.values(), strict=True)),
        "one by one": lambda table: {key: table[key] for key in table},
        "asked for": lambda table: {key: table.get(key) for key in table},
        "popped": lambda table: {key: table.pop(key) for key in tuple(table)},
        "set by default": lambda table: {key: table.setdefault(key, "other") for key in table},
        "as JSON": lambda table: json.loads(json.dumps(table)),
    }.items(),
)
def test_a_table_is_a_dictionary(way: str, read: Callable[[Any], Any]) -> None:
    """However it is read, what comes out are values, never the bytes in which they wait."""
    assert way
    assert read(Table({"a": b'{"b":1}', "c": b"[2]"})) == {"a": {"b": 1}, "c": [2]}


def test_what_was_handed_out_stays() -> None:
    """Botocore merges its extras into what it read."""
    table = Table({"a": b'{"b":1}'})
    table["a"]["b"] = 2
    assert table == {"a": {"b": 2}}
    assert table.get("nothing") is None
    assert table.pop("nothing", 3) == 3


def test_help_of_a_clients_method_loads_its_reader_when_asked() -> None:
    """The reader of HTML that botocore has is not there before, and is its own afterwards."""
    told = subprocess.run([sys.executable, "-c", _HELP], check=True, capture_output=True, text=True).stdout
    assert told.splitlines() == ["False", "True", "True", "DocStringParser"]


_HELP = """
import sys
import keyturn.executors
from botocore.session import Session
client = Session().create_client("sqs", region_name="eu-central-1")
print("html.parser" in sys.modules)
print("The name of the queue" in str(client.get_queue_url.__doc__))
print("html.parser" in sys.modules)
from botocore.docs.bcdoc.docstringparser import DocStringParser
print(DocStringParser.__name__)
"""
