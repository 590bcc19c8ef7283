"""Which client comes in by which door: one table, for the tests that try it and for docs/guides/agents.md, which shows it."""

from __future__ import annotations

from typing import Final, NamedTuple


class Door(NamedTuple):
    """One client. `asked` clients have the whole conversation in test_clients.py; the others have a file of their own."""

    kind: str
    name: str
    endpoint: str
    proxy: str
    asked: bool = True


YES: Final = "yes"

DOORS: Final = (
    Door("boto3", "boto3", YES, YES),
    Door("aws-cli-1", "AWS CLI 1", "yes, but for the services named below", YES),
    Door("aws-cli-2", "AWS CLI 2", "yes; before 2.13 with `--endpoint-url`", YES),
    Door("js", "AWS SDK for JavaScript v3", YES, "with a proxy agent in its request handler"),
    Door("terraform", "Terraform and its AWS provider 5", "yes, with `s3_use_path_style`", YES, asked=False),
    Door("cdk", "CDK CLI 2: `bootstrap`, `deploy`", YES, YES, asked=False),
    Door("mcp-iam", "`awslabs.iam-mcp-server`", YES, YES, asked=False),
    Door("mcp-billing", "`awslabs.billing-cost-management-mcp-server`", YES, YES, asked=False),
    Door("mcp-aws-api", "`awslabs.aws-api-mcp-server`", "no: it fetches a document from AWS at its start", "yes, with one host in `gateway.tunnels`", asked=False),
)  # fmt: skip
SLOW: Final = frozenset({"aws-cli-1", "aws-cli-2"})
"""A second and more for each call: they run in `make test-all`."""


def table() -> str:
    """As the guide shows it."""
    rows = [f"| {row.name} | {row.endpoint} | {row.proxy} |" for row in DOORS]
    return "\n".join(["| client | by endpoint | by proxy |", "| --- | --- | --- |", *rows])
