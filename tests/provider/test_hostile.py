"""Languages inside of requests, read by somebody who means harm: what looks like a query and is none, what is split, hidden, spelled otherwise.

A table. Whatever of it is judged milder than it is, is a hole; what is harmless and looks alike is beside it.
"""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from keyturn.core.ports import Facts
from keyturn.model.change import READ_EFFECTS
from keyturn.providers.aws import assess
from tests.golden.test_golden import assessed, engine
from tests.provider.provider_world import change
from tests.provider.rule_cases import Case

ROLE: Final = "arn:aws:iam::123456789012:role/r"
ADMIN: Final = "arn:aws:iam::aws:policy/AdministratorAccess"
LOSS, OPAQUE, WRITES, GRANTS = "data_loss", "opaque", "overwrite", "delegated_authority"


@pytest.fixture(autouse=True)
def without_before_and_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would differ decides nothing."""
    monkeypatch.setattr(assess, "_differences", lambda *_given: ())


def rds(text: str) -> Case:
    return Case("rds-data:ExecuteStatement", {"sql": text, "resourceArn": "arn:aws:rds:eu-west-1:123456789012:cluster:c", "secretArn": "s"})  # fmt: skip


def partiql(text: str) -> Case:
    return Case("dynamodb:ExecuteStatement", {"Statement": text})


def cypher(text: str, **more: str) -> Case:
    name = "ExecuteOpenCypherExplainQuery" if more else "ExecuteOpenCypherQuery"
    return Case(f"neptunedata:{name}", {"openCypherQuery": text, **more})


def gremlin(text: str, name: str = "ExecuteGremlinQuery") -> Case:
    return Case(f"neptunedata:{name}", {"gremlinQuery": text})


def patch(kind: str, *operations: dict[str, Any]) -> Case:
    return Case("cloudcontrol:UpdateResource", {"TypeName": kind, "Identifier": "x", "PatchDocument": json.dumps(operations)})  # fmt: skip


def machine(**state: Any) -> Case:
    definition = json.dumps({"StartAt": "a", "States": {"a": {"Type": "Task", "End": True, **state}}})
    return Case("stepfunctions:CreateStateMachine", {"name": "m", "roleArn": ROLE, "definition": definition})


def document(action: str, **inputs: Any) -> Case:
    steps = {"schemaVersion": "0.3", "mainSteps": [{"name": "a", "action": action, "inputs": inputs}]}
    return Case("ssm:CreateDocument", {"Name": "d", "Content": json.dumps(steps)})


def policy(statement: dict[str, Any]) -> Case:
    return Case("s3:PutBucketPolicy", {"Bucket": "b", "Policy": json.dumps({"Statement": [statement]})})


def own(statement: dict[str, Any]) -> Case:
    return Case("iam:PutRolePolicy", {"RoleName": "r", "PolicyName": "p", "PolicyDocument": json.dumps({"Statement": [statement]})})  # fmt: skip


HOSTILE: Final[list[tuple[Case, str]]] = [
    # --- SQL: comments, several statements, what a query hides, what a procedure does --------------------------------------
    (rds("SELECT 1; DROP TABLE t"), LOSS),
    (rds("SELECT 1;--\nDELETE FROM t"), LOSS),
    (rds("/* SELECT */ DROP TABLE t"), LOSS),
    (rds("/*! DROP TABLE t */"), OPAQUE),
    (rds("SELECT 1 /*!50000 INTO OUTFILE '/tmp/x' */"), OPAQUE),
    (rds("SELECT 1 --1;DROP TABLE t"), LOSS),
    (rds("/* /* */ DROP TABLE t; -- */"), LOSS),
    (rds("SELECT '\\'; DROP TABLE t; --'"), LOSS),
    (rds('SELECT "a\\"; DROP TABLE t; -- "'), LOSS),
    (rds("SELECT $$ ' $$; DROP TABLE t; --'"), LOSS),
    (rds("SELECT 1 \x00; DROP TABLE t"), LOSS),
    (rds("SELECT * FROM t WHERE a = :a; DELETE FROM t"), LOSS),
    (rds("WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d"), LOSS),
    (rds("WITH x AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM x"), "note"),  # rows are added, none goes; it waits all the same
    (rds("MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE"), LOSS),
    (rds("DO $$ BEGIN DELETE FROM t; END $$"), OPAQUE),
    (rds("CALL purge()"), OPAQUE),
    (rds("EXPLAIN ANALYZE DELETE FROM t"), OPAQUE),
    (rds("PREPARE x AS DELETE FROM t"), OPAQUE),
    (rds("COPY t TO PROGRAM 'sh'"), OPAQUE),
    (rds("COPY t FROM PROGRAM 'curl x'"), OPAQUE),
    (rds("SELECT * FROM t INTO OUTFILE '/tmp/x'"), OPAQUE),
    (rds("SELECT pg_terminate_backend(1)"), OPAQUE),
    (rds("SELECT dblink_exec('x', 'drop table t')"), OPAQUE),
    (rds("SELECT query_to_xml('delete from t', true, true, '')"), OPAQUE),
    (rds("SELECT aws_lambda.invoke('f', '{}')"), OPAQUE),
    (rds("SELECT myschema.count(1)"), OPAQUE),
    (rds("SELECT count(*) FILTER (WHERE purge()) FROM t"), OPAQUE),
    (rds("SELECT a FROM t ORDER BY purge()"), OPAQUE),
    (rds("SELECT * FROM t, LATERAL purge(t.a)"), OPAQUE),
    (rds("SELECT a OPERATOR(public.@@) b FROM t"), OPAQUE),
    (rds("SELECT nextval('s')"), OPAQUE),
    (rds("SELECT * FROM t FOR UPDATE"), OPAQUE),
    (rds("CREATE TRIGGER x AFTER INSERT ON t EXECUTE FUNCTION f()"), OPAQUE),
    (rds("CREATE TABLE x (a int DEFAULT purge())"), OPAQUE),
    (rds("SHOW TABLES; DROP TABLE t"), OPAQUE),
    (rds("SET ROLE admin"), OPAQUE),
    (rds("GRANT ALL ON t TO PUBLIC"), GRANTS),
    (Case("redshift-data:ExecuteStatement", {"Sql": "UNLOAD ('select 1') TO 's3://x' IAM_ROLE 'r'", "Database": "d"}), OPAQUE),
    (Case("redshift-data:BatchExecuteStatement", {"Sqls": ["SELECT 1", "DROP TABLE t"], "Database": "d"}), LOSS),
    (Case("athena:StartQueryExecution", {"QueryString": "EXECUTE prepared"}), OPAQUE),
    (Case("athena:StartQueryExecution", {"QueryString": "USING EXTERNAL FUNCTION f(a int) RETURNS int LAMBDA 'x' SELECT f(1)"}), OPAQUE),
    # --- PartiQL, graphs -----------------------------------------------------------------------------------------------------
    (partiql('SELECT * FROM "t"; DELETE FROM "t"'), OPAQUE),
    (partiql("SELECT * FROM \"t\" WHERE a='x' -- '\nDELETE FROM \"t\""), OPAQUE),
    (partiql("-- x\nDELETE FROM \"t\" WHERE id='1'"), OPAQUE),
    (partiql("/* SELECT */ DELETE FROM t"), OPAQUE),
    (Case("dynamodb:BatchExecuteStatement", {"Statements": [{"Statement": "SELECT * FROM t"}, {"Statement": "DELETE FROM t WHERE id='1'"}]}), LOSS),
    (cypher("MATCH (n) RETURN n UNION MATCH (m) DETACH DELETE m"), LOSS),
    (cypher("MATCH (n) WITH n DELETE n"), LOSS),
    (cypher("MATCH (n) \\u0044ELETE n"), OPAQUE),
    (cypher("CALL neptune.load()"), OPAQUE),
    (cypher("LOAD CSV FROM 'x' AS l RETURN l"), OPAQUE),
    (cypher("MATCH (n) DELETE n", explainMode="details"), LOSS),
    (gremlin("g.with('x').V().count();g.V().drop().iterate()"), LOSS),
    (gremlin("g.V().map{it.get().remove()}"), OPAQUE),
    (gremlin("g.V().drop()", "ExecuteGremlinProfileQuery"), LOSS),
    (gremlin("System.exit(0)"), OPAQUE),
    # --- Cloud Control: what a patch is by its type ---------------------------------------------------------------------------
    (patch("AWS::RDS::DBInstance", {"op": "replace", "path": "/DeletionProtection", "value": "false"}), "protection_strip"),
    (patch("AWS::RDS::DBInstance", {"op": "remove", "path": "/BackupRetentionPeriod"}), "protection_strip"),
    (patch("AWS::S3::Bucket", {"op": "replace", "path": "/PublicAccessBlockConfiguration/BlockPublicAcls", "value": False}), "exposure"),
    (patch("AWS::S3::Bucket", {"op": "remove", "path": "/PublicAccessBlockConfiguration"}), "protection_strip"),
    (patch("AWS::EC2::SecurityGroup", {"op": "add", "path": "/SecurityGroupIngress/-", "value": {"CidrIp": "0.0.0.0/0", "IpProtocol": "-1"}}), "exposure"),
    (patch("AWS::EC2::SecurityGroup", {"op": "remove", "path": "/SecurityGroupEgress"}), "exposure"),
    (patch("AWS::IAM::Role", {"op": "add", "path": "/ManagedPolicyArns/-", "value": ADMIN}), GRANTS),
    (patch("AWS::ECS::Service", {"op": "replace", "path": "/DesiredCount", "value": 0}), "outage"),
    (patch("AWS::ECS::Service", {"op": "replace", "path": "", "value": {}}), OPAQUE),
    (patch("AWS::Lambda::Function", {"op": "move", "from": "/Role", "path": "/X"}), OPAQUE),
    (patch("AWS::Lambda::Function", {"op": "nonsense", "path": "/Role"}), OPAQUE),
    (Case("cloudcontrol:CreateResource", {"TypeName": "AWS::EC2::SecurityGroup", "DesiredState": json.dumps({"SecurityGroupIngress": [{"CidrIp": "0.0.0.0/0", "IpProtocol": "-1"}]})}), "exposure"),
    (Case("cloudcontrol:CreateResource", {"TypeName": "AWS::SQS::Queue", "DesiredState": "nonsense"}), OPAQUE),
    # --- what runs later ------------------------------------------------------------------------------------------------------
    (machine(Resource="arn:aws:states:::aws-sdk:dynamodb:deleteTable.waitForTaskToken", Parameters={"TableName": "t"}), LOSS),
    (machine(Resource="arn:aws-cn:states:::aws-sdk:s3:deleteBucket", Parameters={"Bucket": "b"}), LOSS),
    (machine(Resource="arn:aws:states:::athena:startQueryExecution.sync", Parameters={"QueryString": "DROP TABLE t"}), LOSS),
    (machine(Resource="arn:aws:states:::aws-sdk:rds:modifyDBInstance", Parameters={"DbInstanceIdentifier": "d", "DeletionProtection.$": "$.p"}), OPAQUE),
    (machine(Resource="arn:aws:states:::aws-sdk:ssm:sendCommand", Parameters={"DocumentName": "AWS-RunShellScript"}), OPAQUE),
    (machine(Type="Map", ItemProcessor={"StartAt": "b", "States": {"b": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:deleteBucket", "End": True}}}), LOSS),
    (document("aws:executeAwsApi", Service="dynamodb", Api="DeleteTable", TableName="t"), LOSS),
    (document("aws:executeAwsApi", Service="{{ s }}", Api="{{ a }}"), OPAQUE),
    (document("aws:deleteStack", StackName="s"), LOSS),
    (document("aws:executeScript", Runtime="python3.11", Script="x"), OPAQUE),
    (document("aws:invokeLambdaFunction", FunctionName="f"), OPAQUE),
    # --- policies -------------------------------------------------------------------------------------------------------------
    (own({"Effect": "Allow", "NotAction": "s3:GetObject", "Resource": "*"}), GRANTS),
    (own({"Effect": "Allow", "Action": "i?m:pass*", "Resource": "*"}), GRANTS),
    (own({"Effect": "allow", "Action": "*", "Resource": "*"}), OPAQUE),
    (own({"effect": "Allow", "action": "*", "resource": "*"}), OPAQUE),
    (policy({"Effect": "Allow", "NotPrincipal": {"AWS": "arn:aws:iam::1:root"}, "Action": "s3:GetObject", "Resource": "*"}), "exposure"),
    (policy({"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::123456789012:root", "*"]}, "Action": "s3:GetObject", "Resource": "*"}), "exposure"),
    (policy({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::*:root"}, "Action": "s3:GetObject", "Resource": "*"}), "exposure"),
    (policy({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*", "Condition": {"StringLike": {"aws:userid": "*"}}}), "exposure"),
    (policy({"Effect": "Deny", "NotPrincipal": {"AWS": ROLE}, "Action": "s3:*", "Resource": "*"}), "outage"),
    (policy({"Effect": "Deny", "Principal": "*", "NotAction": "s3:GetObject", "Resource": "*"}), "outage"),
]  # fmt: skip

HARMLESS: Final = [
    rds("SELECT 1 -- ok"),
    rds("SELECT 1 /* ; */;"),
    rds("select 'a'';drop table t;--'"),
    rds("SELECT count(*) FROM t WHERE a = :a"),
    rds("WITH x AS (SELECT 1) SELECT * FROM x"),
    rds("SHOW TABLES LIKE 'a'"),
    partiql("SELECT * FROM \"t\" WHERE a='it''s; --';"),
    partiql('SELECT * FROM "t"."by-day" WHERE day=\'1\''),
    cypher("MATCH (n:`DELETE`) WHERE n.a = 'drop' // delete\nRETURN n"),
    cypher("MATCH (n) DELETE n", explainMode="static"),
]


@pytest.mark.parametrize(
    "number", range(len(HOSTILE)), ids=lambda number: repr(HOSTILE[number][0].parameters)[:60]
)
def test_what_means_harm_is_found_and_held(number: int) -> None:
    """In production none of it goes through by itself, and what is found says why."""
    case, kind = HOSTILE[number]
    found = assessed(case, "production")
    assert kind in {str(one.kind) for one in found.findings}
    assert engine().answer(change((case.name, case.parameters)), found, Facts()).verdict != "allow"


@pytest.mark.parametrize(
    "number", range(len(HARMLESS)), ids=lambda number: repr(HARMLESS[number].parameters)[:60]
)
def test_what_only_looks_alike_is_a_read(number: int) -> None:
    """Whoever asks a plain question is not asked back."""
    found = assessed(HARMLESS[number], "production")
    assert found.effect in READ_EFFECTS
    assert found.findings == ()
