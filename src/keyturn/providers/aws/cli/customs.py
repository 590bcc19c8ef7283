"""Commands that the CLI makes of its own: which operations they perform. ``s3`` stands in `s3`, `emr` in `emr`.

What acts beside AWS's API (a login on a cluster's machine, the CLI's own configuration, a token made from the credential) is an
operation of the CLI's own, whose floor says what it amounts to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from keyturn.model.assessment import Kind
from keyturn.model.change import Effect
from keyturn.providers.aws.cli import emr, s3
from keyturn.providers.aws.cli.arguments import Given, given
from keyturn.providers.aws.cli.meaning import Meant, Remark, Resolved
from keyturn.providers.aws.cli.options import Options
from keyturn.providers.aws.cli.shell import Word
from keyturn.providers.aws.cli.table import Argument, Command, own, own_below, service_of
from keyturn.providers.aws.cli.values import Files

Does = Callable[[Options], Sequence[Meant]]

TOP: Final = frozenset({"s3", "configure", "history", "sso", "ddb", "login", "logout", "cli-dev"})
"""Commands of either version of the CLI that are no service."""

_TOKEN: Final = Remark(
    "CLI004",
    Kind.SECRET,
    "It makes a token or a signed address from the credential: whoever holds it has the credential's access for its time.",
    Effect.SECRET,
)
_AROUND: Final = Remark(
    "CLI005",
    Kind.OPAQUE,
    "It changes which credential, account or endpoint later commands of the CLI use.",
    Effect.EXECUTE,
)
_SHELL: Final = Remark(
    "CLI006",
    Kind.OPAQUE,
    "It runs commands on a machine, which cannot be judged from the request.",
    Effect.EXECUTE,
)
_ROLE: Final = Remark(
    "CLI007",
    Kind.DELEGATED_AUTHORITY,
    "It makes roles, or lets one be assumed by more than before.",
    Effect.PERMISSION,
)


def local(what: str, effect: Effect = Effect.READ, *remarks: Remark) -> Meant:
    """Something of the CLI's own that asks nothing of AWS, or nothing that an operation's name says."""
    return Meant(
        "cli", "".join(part.title() for part in what.split()[-1:]), {}, floor=effect, remarks=remarks
    )


def resolve(name: str, words: list[Word], files: Files) -> Resolved | None:
    """The operations of a command of the CLI's own; None where it is an operation of AWS's."""
    path: list[str] = []
    rest = words
    while rest and rest[0].text in (
        own_below(name, *path) | {v2[-1] for v2 in _V2 if v2[:-1] == (name, *path)}
    ):
        path.append(rest[0].text)
        rest = rest[1:]
    key = (name, *path)
    found = _V2.get(key) or own(name, *path)
    if isinstance(found, dict):
        found = Command("", "", {option: Argument(option, form=form) for option, form in found.items()})
    does = _DOES.get(key)
    if does is None or found is None or (not path and service_of(name)):
        return (
            None
            if service_of(name)
            else Resolved(why=f"aws {' '.join(key)} is no command that is known here")
        )
    asked = given(rest, found, places=True)
    options = Options(asked, files)
    try:
        meant = tuple(does(options))
    except ValueError as error:
        return Resolved(why=f"aws {' '.join(key)}: {error}")
    if not meant:
        return Resolved(why=f"aws {' '.join(key)} lacks what it is about")
    return Resolved(meant=meant, unknowns=(*_unknown(asked), *options.unknown))


def _unknown(asked: Given) -> list[str]:
    shell = [
        f"{word.text[:80]} is known to the shell only"
        for word in (*asked.places, *(word for value in asked.values.values() for word in value.words))
        if not word.known
    ]
    return [*asked.doubts, *shell]


def _cloudformation_deploy(o: Options) -> list[Meant]:
    stack = o.text("stack-name")
    body = {"StackName": stack, **o.file("template-file", "TemplateBody"), **o.given({"role-arn": "RoleARN"})}
    capabilities = {"Capabilities": o.texts("capabilities")} if o.has("capabilities") else {}
    made = Meant("cloudformation", "CreateChangeSet", {**body, **capabilities})
    if o.has("no-execute-changeset"):
        return [made]
    return [made, Meant("cloudformation", "ExecuteChangeSet", {"StackName": stack})]


def _package(o: Options) -> list[Meant]:
    return [Meant("s3", "PutObject", {"Bucket": o.text("s3-bucket")}, unknown=("which objects it uploads",))]


def _subscription(verb: str) -> Does:
    def does(o: Options) -> list[Meant]:
        bucket = o.text("s3-new-bucket") or o.text("s3-use-bucket")
        trail = Meant(
            "cloudtrail",
            f"{verb}Trail",
            {"Name": o.text("name"), **({"S3BucketName": bucket} if bucket else {})},
        )
        made = [Meant("s3", "CreateBucket", {"Bucket": bucket})] if o.has("s3-new-bucket") else []
        topic = (
            [Meant("sns", "CreateTopic", {"Name": o.text("sns-new-topic")})] if o.has("sns-new-topic") else []
        )
        return [trail, *made, *topic]

    return does


def _subscribe(o: Options) -> list[Meant]:
    recorder = {"ConfigurationRecorder": {"name": "default", "roleARN": o.text("iam-role")}}
    channel = {
        "DeliveryChannel": {
            "name": "default",
            "s3BucketName": o.text("s3-bucket"),
            "snsTopicARN": o.text("sns-topic"),
        }
    }
    return [
        Meant("config", "PutConfigurationRecorder", recorder),
        Meant("config", "PutDeliveryChannel", channel),
        Meant("config", "StartConfigurationRecorder", {"ConfigurationRecorderName": "default"}),
    ]


def _push(o: Options) -> list[Meant]:
    bucket, _, key = o.text("s3-location").removeprefix("s3://").partition("/")
    location = {"revisionType": "S3", "s3Location": {"bucket": bucket, "key": key}}
    name = o.text("application-name")
    return [
        Meant("s3", "PutObject", {"Bucket": bucket, "Key": key}),
        Meant("codedeploy", "RegisterApplicationRevision", {"applicationName": name, "revision": location}),
    ]


def _register(o: Options) -> list[Meant]:
    name = o.text("instance-name")
    register = Meant(
        "codedeploy",
        "RegisterOnPremisesInstance",
        {"instanceName": name, **o.given({"iam-user-arn": "iamUserArn"})},
    )
    if o.has("iam-user-arn"):
        return [register]
    user = [
        ("CreateUser", {}),
        ("CreateAccessKey", {}),
        ("PutUserPolicy", {"PolicyName": "codedeploy-agent"}),
    ]
    return [*(Meant("iam", action, {"UserName": name, **more}) for action, more in user), register]


def _deregister(o: Options) -> list[Meant]:
    name = o.text("instance-name")
    gone = Meant("codedeploy", "DeregisterOnPremisesInstance", {"instanceName": name})
    user = [] if o.has("no-delete-iam-user") else [Meant("iam", "DeleteUser", {"UserName": name})]
    return [gone, *user]


def _ecs_deploy(o: Options) -> list[Meant]:
    application = (
        o.text("codedeploy-application") or f"AppECS-{o.text('cluster') or 'default'}-{o.text('service')}"
    )
    group = (
        o.text("codedeploy-deployment-group")
        or f"DgpECS-{o.text('cluster') or 'default'}-{o.text('service')}"
    )
    deployment = {"applicationName": application, "deploymentGroupName": group}
    task = o.document("task-definition")
    return [Meant("ecs", "RegisterTaskDefinition", task), Meant("codedeploy", "CreateDeployment", deployment)]


def _upload_build(o: Options) -> list[Meant]:
    names = {"name": "Name", "build-version": "Version", "operating-system": "OperatingSystem"}
    return [
        Meant("gamelift", "CreateBuild", o.given(names)),
        Meant("gamelift", "RequestUploadCredentials", {}),
    ]


def _default_roles(service: str) -> Does:
    def does(_o: Options) -> list[Meant]:
        unknown = (f"the names of the default roles of {service}",)
        return [
            Meant("iam", "CreateRole", {}, unknown, remarks=(_ROLE,)),
            Meant("iam", "AttachRolePolicy", {}, unknown),
        ]

    return does


def _trust(o: Options) -> list[Meant]:
    change = Meant(
        "iam",
        "UpdateAssumeRolePolicy",
        {"RoleName": o.text("role-name")},
        ("the new trust policy",),
        remarks=(_ROLE,),
    )
    return [Meant("iam", "GetRole", {"RoleName": o.text("role-name")})] if o.has("dry-run") else [change]


def _generate(operation: str) -> Does:
    def does(o: Options) -> list[Meant]:
        names = {"product-name": "Name", "product-id": "ProductId", "product-owner": "Owner"}
        upload = Meant("s3", "PutObject", {"Bucket": o.text("bucket-name")})
        return [upload, Meant("servicecatalog", operation, o.given(names))]

    return does


def _ddb_put(o: Options) -> list[Meant]:
    return [
        Meant("dynamodb", "BatchWriteItem", {"RequestItems": {o.place(0): []}}, ("which items it writes",))
    ]


def _ddb_select(o: Options) -> list[Meant]:
    return [Meant("dynamodb", "Query" if o.has("key-condition") else "Scan", {"TableName": o.place(0)})]


_SPELLING: Final = frozenset(
    {
        "region",
        "output",
        "cli_pager",
        "cli_timestamp_format",
        "cli_binary_format",
        "cli_auto_prompt",
        "retry_mode",
        "max_attempts",
    }
)
"""Settings of how the CLI speaks: none says as whom, or to whom."""


def _configure_set(o: Options) -> list[Meant]:
    """A setting of how the CLI speaks is one of the machine it runs on; others say as whom, or to whom."""
    plain = o.place(0).rpartition(".")[2] in _SPELLING
    return [local("Configure", Effect.UPDATE) if plain else local("Configure", Effect.EXECUTE, _AROUND)]


def _configure_get(o: Options) -> list[Meant]:
    secret = any(part in o.place(0) for part in ("secret", "token"))
    return [local("Configuration", Effect.SECRET, _TOKEN)] if secret else [local("Configuration")]


def _one(service: str, operation: str, names: dict[str, str] | None = None, *remarks: Remark) -> Does:
    return lambda o: [Meant(service, operation, o.given(names or {}), remarks=remarks)]


def _token(service: str, operation: str, names: dict[str, str] | None = None) -> Does:
    """A token made on the spot: the operation that it stands for, as one that hands out a secret."""
    return lambda o: [Meant(service, operation, o.given(names or {}), floor=Effect.SECRET, remarks=(_TOKEN,))]


def _here(what: str, effect: Effect = Effect.READ, *remarks: Remark) -> Does:
    return lambda _o: [local(what, effect, *remarks)]


_SSH: Final = {"instance-id": "InstanceId", "os-user": "InstanceOSUser"}

_V2: Final[dict[tuple[str, ...], dict[str, str]]] = {
    ("logs", "tail"): {"since": "", "follow": "t", "format": "", "filter-pattern": "", "log-stream-names": "*", "log-stream-name-prefix": ""},
    ("ddb", "put"): {"condition": ""},
    ("ddb", "select"): {"projection": "", "filter": "", "key-condition": "", "index-name": "", "max-items": ""},
    ("sso", "login"): {"sso-session": "", "no-browser": "t", "use-device-code": "t"},
    ("sso", "logout"): {},
    ("login",): {"remote": "t"},
    ("logout",): {"all": "t"},
    ("configure", "sso"): {"use-device-code": "t", "no-browser": "t"},
    ("configure", "sso-session"): {},
    ("configure", "import"): {"csv": "", "skip-invalid": "t", "profile-prefix": ""},
    ("configure", "list-profiles"): {},
    ("configure", "export-credentials"): {"format": ""},
    ("ec2-instance-connect", "ssh"): {"instance-id": "", "os-user": "", "instance-ip": "", "private-key-file": "", "ssh-port": "",
                                      "local-forwarding": "", "connection-type": "", "eice-options": "", "region": ""},
    ("ec2-instance-connect", "open-tunnel"): {"instance-id": "", "instance-connect-endpoint-id": "", "remote-port": "",
                                              "local-port": "", "private-ip-address": "", "max-tunnel-duration": ""},
    ("lightsail", "push-container-image"): {"service-name": "", "image": "", "label": ""},
    ("dsql", "generate-db-connect-auth-token"): {"hostname": "", "expires-in": ""},
    ("dsql", "generate-db-connect-admin-auth-token"): {"hostname": "", "expires-in": ""},
    ("elasticache", "generate-auth-token"): {"user": "", "cluster": ""},
}  # fmt: skip
"""Commands of version 2 alone, with their arguments (AWS CLI Command Reference, v2)."""

_DOES: Final[dict[tuple[str, ...], Does]] = {
    **s3.DOES,
    ("s3", "presign"): lambda o: [Meant("s3", "GetObject", s3.place(o.place(0)), floor=Effect.SECRET, remarks=(_TOKEN,))],
    **emr.does(_SHELL, _default_roles("emr")),
    ("cloudformation", "deploy"): _cloudformation_deploy,
    ("cloudformation", "package"): _package,
    ("cloudfront", "sign"): _here("SignedUrl", Effect.SECRET, _TOKEN),
    ("cloudtrail", "create-subscription"): _subscription("Create"),
    ("cloudtrail", "update-subscription"): _subscription("Update"),
    ("cloudtrail", "validate-logs"): _one("cloudtrail", "DescribeTrails"),
    ("codeartifact", "login"): _one("codeartifact", "GetAuthorizationToken", {"domain": "domain", "domain-owner": "domainOwner"}),
    ("codecommit", "credential-helper", "get"): _here("CodeCommitCredential", Effect.SECRET, _TOKEN),
    ("codecommit", "credential-helper", "store"): _here("CodeCommitCredential"),
    ("codecommit", "credential-helper", "erase"): _here("CodeCommitCredential"),
    ("configservice", "get-status"): _one("config", "DescribeConfigurationRecorderStatus"),
    ("configservice", "subscribe"): _subscribe,
    ("configure",): _here("Configure", Effect.EXECUTE, _AROUND),
    ("configure", "set"): _configure_set,
    ("configure", "add-model"): _here("Configure", Effect.EXECUTE, _AROUND),
    ("configure", "import"): _here("Configure", Effect.EXECUTE, _AROUND),
    ("configure", "sso"): _here("Configure", Effect.EXECUTE, _AROUND),
    ("configure", "sso-session"): _here("Configure", Effect.EXECUTE, _AROUND),
    ("configure", "get"): _configure_get,
    ("configure", "list"): _here("Configuration"),
    ("configure", "list-profiles"): _here("Configuration"),
    ("configure", "export-credentials"): _here("Credentials", Effect.SECRET, _TOKEN),
    ("history", "list"): _here("History"),
    ("history", "show"): _here("History"),
    ("sso", "login"): _here("Login", Effect.EXECUTE, _AROUND),
    ("sso", "logout"): _here("Logout"),
    ("login",): _here("Login", Effect.EXECUTE, _AROUND),
    ("logout",): _here("Logout"),
    ("datapipeline", "create-default-roles"): _default_roles("datapipeline"),
    ("datapipeline", "list-runs"): _one("datapipeline", "QueryObjects", {"pipeline-id": "pipelineId"}),
    ("ddb", "put"): _ddb_put,
    ("ddb", "select"): _ddb_select,
    ("deploy", "push"): _push,
    ("deploy", "register"): _register,
    ("deploy", "deregister"): _deregister,
    ("deploy", "install"): _here("CodeDeployAgent", Effect.EXECUTE, _SHELL),
    ("deploy", "uninstall"): _here("CodeDeployAgent", Effect.EXECUTE, _SHELL),
    ("dlm", "create-default-role"): _default_roles("dlm"),
    ("dsql", "generate-db-connect-auth-token"): _token("dsql", "GenerateDbConnectAuthToken"),
    ("dsql", "generate-db-connect-admin-auth-token"): _token("dsql", "GenerateDbConnectAdminAuthToken"),
    ("ec2-instance-connect", "ssh"): _one("ec2-instance-connect", "SendSSHPublicKey", _SSH, _SHELL),
    ("ec2-instance-connect", "open-tunnel"): _one("ec2-instance-connect", "OpenTunnel", _SSH, _SHELL),
    ("ecr", "get-login"): _one("ecr", "GetAuthorizationToken"),
    ("ecr", "get-login-password"): _one("ecr", "GetAuthorizationToken"),
    ("ecr-public", "get-login-password"): _one("ecr-public", "GetAuthorizationToken"),
    ("ecs", "deploy"): _ecs_deploy,
    ("eks", "get-token"): _token("sts", "GetCallerIdentity"),
    ("eks", "update-kubeconfig"): _one("eks", "DescribeCluster", {"name": "name"}),
    ("elasticache", "generate-auth-token"): _token("elasticache", "Connect"),
    ("emr-containers", "update-role-trust-policy"): _trust,
    ("gamelift", "upload-build"): _upload_build,
    ("gamelift", "get-game-session-log"): _one("gamelift", "GetGameSessionLogUrl", {"game-session-id": "GameSessionId"}),
    ("lightsail", "push-container-image"): _one("lightsail", "RegisterContainerImage", {"service-name": "serviceName", "label": "label"}),
    ("logs", "tail"): lambda o: [Meant("logs", "FilterLogEvents", {"logGroupName": o.place(0)})],
    ("logs", "start-live-tail"): lambda o: [Meant("logs", "StartLiveTail", {"logGroupIdentifiers": o.texts("log-group-identifiers")})],
    ("rds", "generate-db-auth-token"): _token("rds", "GenerateDBAuthToken", {"username": "DBUser"}),
    ("servicecatalog", "generate", "product"): _generate("CreateProduct"),
    ("servicecatalog", "generate", "provisioning-artifact"): _generate("CreateProvisioningArtifact"),
}  # fmt: skip


def commands() -> dict[tuple[str, ...], Any]:
    """Every command of the CLI's own that is known here, by its words."""
    return dict(_DOES)
