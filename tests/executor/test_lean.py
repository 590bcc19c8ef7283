"""botocore's data, read lean: the same clients, less memory."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from keyturn.executors.lean import session, without_documentation

KINDS = ("endpoint-rule-set-1", "paginators-1", "service-2", "waiters-2")


@pytest.mark.parametrize("service", ["dynamodb", "s3", "iam", "sts", "mediaconvert"])
def test_a_model_is_the_same_but_for_its_documentation(service: str) -> None:
    """Whatever a client is made of is what botocore itself would read, key by key and in order."""
    plain, lean = (made.get_component("data_loader") for made in (botocore.session.Session(), session()))
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
