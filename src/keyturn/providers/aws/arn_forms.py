"""How ARNs are written where no generated form says it: what stands behind the account, and which kind that is.

Read by `resources`, which makes ARNs and takes them apart (Service Authorization Reference, resource types).
"""

from __future__ import annotations

from typing import Final

FROM_ARN: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    # resource part of an ARN -> kind; the named groups joined by "/" are the id
    "dynamodb": (
        (r"table/(?P<a>[^/]+/backup/.+)", "dynamodb:backup"),
        (r"table/(?P<a>[^/]+)(/.*)?", "dynamodb:table"),
        (r"global-table/(?P<a>.+)", "dynamodb:global-table"),
    ),
    "s3": (
        (r"accesspoint[/:](?P<a>[^/]+).*", "s3:accesspoint"),
        (r"(?P<a>[^/]+/.+)", "s3:object"),
        (r"(?P<a>[^/]+)", "s3:bucket"),
    ),
    "sqs": ((r"(?P<a>.+)", "sqs:queue"),),
    "sns": ((r"(?P<a>[^:]+)(:.*)?", "sns:topic"),),
    "lambda": (
        (r"function:(?P<a>[^:/]+).*", "lambda:function"),
        (r"layer:(?P<a>[^:]+).*", "lambda:layer"),
        (r"event-source-mapping:(?P<a>.+)", "lambda:event-source-mapping"),
    ),
    "ssm": (
        (r"parameter(?P<a>/.+/.+)", "ssm:parameter"),
        (r"parameter/(?P<a>[^/]+)", "ssm:parameter"),
    ),
    "cloudwatch": ((r"alarm:(?P<a>.+)", "cloudwatch:alarm"),),
    "iam": (
        (r"policy/(?P<a>.+)", "iam:policy"),  # the path is part of how a policy is named everywhere
        (r"(?P<kind>role|user|group|instance-profile)/(.*/)?(?P<a>[^/]+)", "iam:{kind}"),
        (r"(?P<kind>[a-z-]+)/(?P<a>.+)", "iam:{kind}"),
    ),
    "sts": ((r"assumed-role/(?P<a>[^/]+)/.*", "iam:role"),),
    "logs": ((r"log-group:(?P<a>[^:]+)(:.*)?", "logs:log-group"),),
    "secretsmanager": ((r"secret:(?P<a>.+?)(-[A-Za-z0-9]{6})?", "secretsmanager:secret"),),
    "execute-api": ((r"(?P<a>[^/]+)(/.*)?", "apigateway:restapis"),),
}

TO_ARN: Final = {
    "dynamodb:backup": "table/{}",
    "s3:bucket": "{}",
    "s3:object": "{}",
    "sqs:queue": "{}",
    "sns:topic": "{}",
    "cloudwatch:alarm": "alarm:{}",
    "cloudwatch:dashboard": "dashboard/{}",
    "logs:log-group": "log-group:{}",
    "secretsmanager:secret": "secret:{}",
}

COLON_SERVICES: Final = frozenset(
    {"lambda", "rds", "elasticache", "redshift", "states", "backup", "cloudwatch", "autoscaling"}
)
"""Services whose ARNs divide type and name by a colon (Service Authorization Reference, resource types)."""

READ: Final = frozenset(
    kind.format(kind=one)
    for service, patterns in FROM_ARN.items()
    for _, kind in patterns
    if kind.startswith(f"{service}:")  # an ARN of execute-api's names an API, whose own is another
    for one in ("role", "user", "group", "instance-profile", "policy")
)
"""Kinds that `from_arn` tells by a pattern of their own, so that `arn_of` writes what it reads."""
