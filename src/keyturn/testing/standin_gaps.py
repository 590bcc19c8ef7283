"""moto's server with the gaps filled that Keyturn's users would meet. Runs in the stand-in's own process only.

Filled, and the sentence of AWS each follows:

AWS Lambda
  - ``RevisionId`` exists, is new after each update, and is enforced where it is given. API_UpdateFunctionConfiguration and
    API_UpdateFunctionCode: "Update the function only if the revision ID matches the ID that's specified."
  - ``Code.Location`` of GetFunction can be fetched without a signature. API_FunctionCodeLocation: "A presigned URL that you can
    use to download the deployment package." (Here it does not expire.)
  - UpdateFunctionConfiguration keeps TracingConfig, EphemeralStorage, DeadLetterConfig and KMSKeyArn, which moto drops, takes
    an Environment without variables, and renews LastModified: "The date and time that the function was last updated".
  - Creating, reading and updating a function needs no Docker. Invoking one does; that is moto's.

Amazon DynamoDB
  - A restored table keeps its billing mode and its encryption, which moto loses; keys, indexes and capacity come back as well.
    API_CreateBackup: "Along with data, the following are also included on the backups: Global secondary indexes (GSIs), Local
    secondary indexes (LSIs), Streams, Provisioned read and write capacity". Tags, stream, time to live, deletion protection and
    point-in-time recovery do not come back, in moto neither. API_RestoreTableFromBackup: "You must manually set up the
    following on the restored table: Auto scaling policies, IAM policies, Amazon CloudWatch metrics and alarms, Tags, Stream
    settings, Time to Live (TTL) settings".
  - RestoreTableToPointInTime needs recovery switched on (PointInTimeRecoveryUnavailableException), and gives back the newest
    state only. This account keeps no history, so that an earlier time is refused, where moto would answer with wrong items.
  - A stream that was switched off lets items be written, and can be switched on again. API_UpdateTable: "You receive a
    ValidationException if you try to enable a stream on a table that already has a stream", and only then.
  - TableSizeBytes and BackupSizeBytes are numbers of about the right size. API_TableDescription: "DynamoDB updates this value
    approximately every six hours. Recent changes might not be reflected in this value."

Amazon RDS
  - Automated snapshots of a cluster go with it. API_DeleteDBCluster: "When you delete a DB cluster, all automated backups for that
    DB cluster are deleted and can't be recovered." moto keeps them, and then refuses a cluster of that name for a minute.
  - A subnet group stands after it was changed (API_ModifyDBSubnetGroup); moto loses it.

Amazon ElastiCache: see `standin_caches`. Ids of EC2 as they are wanted, for a twin: see `standin_ids`. Policies of Lambda functions: see
`standin_permissions`. Preconditions of copies and aliases: see `standin_preconditions`. Insights of trails: see `standin_trails`. Tags of streams: see `standin_streams`. Copies across
accounts: see `standin_sharing`. Old log events:
see `standin_logs`.

Faster and otherwise the same: attribute values that are in their wire form already are not taken apart and put together again
for the response (moto spends 85 % of a scan on it).

Known to differ still: an SQS queue can be made again at once (API_DeleteQueue: "you must wait at least 60 seconds before
creating a queue with the same name"), nobody's permissions are checked, nothing is eventually consistent, and what takes AWS
minutes (a restore, a new index) is done when the answer comes.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterable
from typing import Any, Final

from moto.awslambda import models as functions
from moto.awslambda.exceptions import PreconditionFailedException
from moto.awslambda.utils import get_backend
from moto.core.serialize import JSONSerializer
from moto.dynamodb import models as tables
from moto.dynamodb import responses as table_responses
from moto.dynamodb.exceptions import MockValidationException, PointInTimeRecoveryUnavailable
from moto.dynamodb.models import table as table_models
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.rds import models as databases
from werkzeug import serving

from keyturn.testing.standin import SAYS
from keyturn.testing.standin_caches import fill_caches
from keyturn.testing.standin_ids import fill_ids, with_ids
from keyturn.testing.standin_logs import fill_log_events
from keyturn.testing.standin_permissions import fill_permissions
from keyturn.testing.standin_preconditions import fill_preconditions
from keyturn.testing.standin_sharing import fill_sharing
from keyturn.testing.standin_streams import fill_stream_tags
from keyturn.testing.standin_trails import fill_trails

CODE_PATH: Final = "/_standin/code/"

SAMPLE_ITEMS: Final = 200
"""A table's size is estimated from so many items; measuring all would cost 0.1 s for each description of 10,000 items."""

WIRE_FORMS: Final = frozenset({"S", "N", "BOOL", "NULL", "SS", "NS"})
"""Attribute values which moto holds just as they are sent. Maps, lists and binaries take moto's way."""

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def make_server(port: int) -> Any:
    """A werkzeug server on 127.0.0.1 with every gap filled, listening, not yet serving. `port` 0 takes a free one."""
    app = _announcing(with_ids(_with_code(DomainDispatcherApplication(create_backend_app))))
    server = serving.make_server("127.0.0.1", port, app, threaded=True, request_handler=_QuietRequestHandler)
    fill_lambda(server.port)
    fill_restores()
    _fill_streams()
    _fill_sizes()
    fill_databases()
    fill_caches()
    fill_ids()
    fill_permissions()
    fill_preconditions()
    fill_stream_tags()
    fill_sharing()
    fill_trails()
    fill_log_events()
    _quicken_items()
    return server


class _QuietRequestHandler(MotoRequestHandler):  # type: ignore[misc]  # moto has no types
    """Errors are told, requests are not."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: a line for each request would fill whatever reads it."""


def _announcing(app: Application) -> Application:
    """The application, saying in each response that it is a stand-in."""

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        def begin(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start(status, [*headers, SAYS], *rest)

        return app(environ, begin)

    return answer


def _with_code(app: Application) -> Application:
    """The application, with the places where functions' code lies."""

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = str(environ.get("PATH_INFO", ""))
        if not path.startswith(CODE_PATH):
            return app(environ, start)
        account, region, name, version = path.removeprefix(CODE_PATH).split("/", 3)
        try:
            code: bytes = get_backend(account, region).get_function(name, version).code_bytes
        except functions.UnknownFunctionException:
            start("404 Not Found", [("content-type", "text/plain")])
            return [b"there is no such function any more"]
        start("200 OK", [("content-type", "application/zip"), ("content-length", str(len(code)))])
        return [code]

    return answer


# --- Lambda ----------------------------------------------------------------------------------------------------------

_LATER_FIELDS: Final = {
    "TracingConfig": "tracing_config",
    "KMSKeyArn": "kms_key_arn",
    "DeadLetterConfig": "standin_dead_letter",
}
"""Parameters that moto's update leaves out, and the attribute each is held in."""


def fill_lambda(port: int) -> None:
    """Revisions that are enforced, updates that keep what moto drops, and code that can be fetched at this port; once."""
    function, backend = functions.LambdaFunction, functions.LambdaBackend
    make, configuration, code = function.__init__, function.get_configuration, function.get_code
    update_configuration, update_code = backend.update_function_configuration, backend.update_function_code

    def init(self: Any, account_id: str, spec: dict[str, Any], *rest: Any, **named: Any) -> None:
        self.standin_revision = str(uuid.uuid4())
        self.standin_dead_letter = spec.get("DeadLetterConfig") or {}
        make(self, account_id, spec, *rest, **named)

    def get_configuration(self: Any, on_create: bool = False) -> dict[str, Any]:
        made: dict[str, Any] = configuration(self, on_create)
        dead_letter = {"DeadLetterConfig": self.standin_dead_letter} if self.standin_dead_letter else {}
        return made | {"RevisionId": self.standin_revision} | dead_letter

    def get_code(self: Any) -> dict[str, Any]:
        made: dict[str, Any] = code(self)
        if getattr(self, "code_bytes", None):
            place = f"{self.account_id}/{self.region}/{self.function_name}/{self.version}"
            made["Code"] = {"RepositoryType": "S3", "Location": f"http://127.0.0.1:{port}{CODE_PATH}{place}"}
        return made

    def configure(self: Any, name: str, qualifier: str, body: dict[str, Any]) -> Any:
        found = self.get_function(name, qualifier)
        _match_revision(found, body)
        if "Environment" in body:
            body = body | {"Environment": {"Variables": body["Environment"].get("Variables") or {}}}
        for parameter, attribute in _LATER_FIELDS.items():
            if parameter in body:
                setattr(found, attribute, body[parameter])
        if "EphemeralStorage" in body:
            found.ephemeral_storage = body["EphemeralStorage"]["Size"]
        _touch(found)
        return update_configuration(self, name, qualifier, body)

    def replace_code(self: Any, name: str, qualifier: str, body: dict[str, Any]) -> Any:
        found = self.get_function(name, qualifier)
        _match_revision(found, body)
        if not body.get("DryRun"):
            _touch(found)
        return update_code(self, name, qualifier, body)

    function.__init__, function.get_configuration, function.get_code = init, get_configuration, get_code
    backend.update_function_configuration, backend.update_function_code = configure, replace_code


def _match_revision(function: Any, body: dict[str, Any]) -> None:
    wanted = body.get("RevisionId")
    if wanted and wanted != function.standin_revision:
        raise PreconditionFailedException(
            "The Revision Id provided does not match the latest Revision Id. "
            "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
        )


def _touch(function: Any) -> None:
    function.standin_revision = str(uuid.uuid4())
    function.last_modified = functions.iso_8601_datetime_with_nanoseconds()


# --- DynamoDB --------------------------------------------------------------------------------------------------------


def fill_restores() -> None:
    """Once or more often: what is filled stays so."""
    if hasattr(tables.DynamoDBBackend, "standin_restore"):
        return
    from_backup = table_models.RestoredTable._parse_params_from_backup  # noqa: SLF001  # the gap is there
    from_table = table_models.RestoredPITTable._parse_params_from_table  # noqa: SLF001  # as above
    handler = table_responses.DynamoHandler
    to_point, answer = (
        tables.DynamoDBBackend.restore_table_to_point_in_time,
        handler.restore_table_to_point_in_time,
    )

    def kept(table: Any) -> dict[str, Any]:
        encryption = dict(table.sse_specification) if table.sse_specification else None
        return {"billing_mode": table.billing_mode, "sse_specification": encryption}

    def parse_backup(self: Any, backup: Any) -> dict[str, Any]:
        return {**from_backup(self, backup), **kept(backup.table)}

    def parse_table(self: Any, table: Any) -> dict[str, Any]:
        return {**from_table(self, table), **kept(table)}

    def restore(self: Any, target_table_name: str, source_table_name: str) -> Any:
        source = self.tables.get(source_table_name)
        if source is not None:  # moto says what is wrong with one that is not there
            recovery = source.continuous_backups["PointInTimeRecoveryDescription"]
            if recovery["PointInTimeRecoveryStatus"] != "ENABLED":
                raise PointInTimeRecoveryUnavailable(source_table_name)
        return to_point(self, target_table_name, source_table_name)

    def answer_restore(self: Any) -> Any:
        if self.body.get("RestoreDateTime"):
            raise MockValidationException(
                "this stand-in account keeps no history: only UseLatestRestorableTime is served"
            )
        return answer(self)

    table_models.RestoredTable._parse_params_from_backup = parse_backup  # noqa: SLF001  # as above
    table_models.RestoredPITTable._parse_params_from_table = parse_table  # noqa: SLF001  # as above
    tables.DynamoDBBackend.restore_table_to_point_in_time = tables.DynamoDBBackend.standin_restore = restore
    handler.restore_table_to_point_in_time = answer_restore


def _fill_streams() -> None:
    update = tables.DynamoDBBackend.update_table_streams

    def update_streams(self: Any, table: Any, specification: dict[str, Any]) -> None:
        if not (table.stream_specification or {}).get("StreamEnabled"):
            table.latest_stream_label = None  # what moto takes for "has a stream"
        update(self, table, specification)
        if not table.stream_specification["StreamEnabled"]:
            table.stream_shard = None

    tables.DynamoDBBackend.update_table_streams = update_streams


def _fill_sizes() -> None:
    describe = table_models.Table.describe
    details, summary = table_models.Backup.details.fget, table_models.Backup.summary.fget

    def describe_table(self: Any, base_key: str = "TableDescription") -> dict[str, Any]:
        made: dict[str, Any] = describe(self, base_key)
        made[base_key]["TableSizeBytes"] = _size_bytes(self)
        return made

    def sized(read: Callable[[Any], dict[str, Any]]) -> property:
        return property(lambda backup: read(backup) | {"BackupSizeBytes": _size_bytes(backup.table)})

    table_models.Table.describe = describe_table
    table_models.Backup.details, table_models.Backup.summary = sized(details), sized(summary)


def _size_bytes(table: Any) -> int:
    """About what the items take: the mean of the first few, times their number."""
    held: Iterable[Any] = list(table.items.values())
    if table.has_range_key:
        held = itertools.chain.from_iterable(list(group.values()) for group in held)
    sizes = [item.size() for item in itertools.islice(held, SAMPLE_ITEMS)]
    return sum(sizes) * len(table) // len(sizes) if sizes else 0


# --- RDS -------------------------------------------------------------------------------------------------------------


def fill_databases() -> None:
    """Once or more often: what is filled stays so."""
    if hasattr(databases.RDSBackend, "standin_delete_db_cluster"):
        return
    delete = databases.RDSBackend.standin_delete_db_cluster = databases.RDSBackend.delete_db_cluster

    def delete_cluster(self: Any, cluster_identifier: str, snapshot_name: str | None = None) -> Any:
        gone = delete(self, cluster_identifier, snapshot_name)
        for name, snapshot in list(self.cluster_snapshots.items()):
            if (
                snapshot.snapshot_type == "automated"
                and snapshot.cluster.db_cluster_identifier == cluster_identifier
            ):
                del self.cluster_snapshots[name]
        return gone

    modify = databases.RDSBackend.modify_db_subnet_group

    def modify_group(self: Any, subnet_name: str, description: str, subnets: list[Any]) -> Any:
        group = modify(self, subnet_name, description, subnets)
        self.subnet_groups[subnet_name] = group
        return group

    databases.RDSBackend.delete_db_cluster = delete_cluster
    databases.RDSBackend.modify_db_subnet_group = modify_group


def _quicken_items() -> None:
    original = JSONSerializer._serialize_type_structure  # noqa: SLF001  # the time is spent there

    def serialize(self: Any, serialized: dict[str, Any], value: Any, shape: Any, key: str) -> None:
        if (
            shape.name == "AttributeValue"
            and isinstance(value, dict)
            and key
            and WIRE_FORMS.issuperset(value)
        ):
            serialized[key] = value
            return
        original(self, serialized, value, shape, key)

    JSONSerializer._serialize_type_structure = serialize  # noqa: SLF001  # as above
