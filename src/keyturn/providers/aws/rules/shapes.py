"""The shape of a request: every member once, sorted by what its name says it is. What generic detectors look at.

Names are judged once and remembered; a request is walked once, whatever number of detectors look at it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple

from keyturn.providers.aws.rules import Context, looked_at

DEPTH_MAX: Final = 6
"""How deep members are looked for: botocore's inputs hold few flags below it."""


class Leaf(NamedTuple):
    """One member: its name, its path, its value."""

    name: str
    path: str
    value: Any


def means(leaf: Leaf, name: str, which: frozenset[str]) -> bool:
    """Whether a member only says which resource is meant: by its name or id, or by an ARN that ends with it, where no member in `which`
    (those that an operation must be given) is a name, an id or an ARN.
    """
    value = str(leaf.value)
    if value == name:
        return True
    told = any(one.lower().endswith(("name", "id", "arn", "identifier")) for one in which)
    return not told and bool(name) and value.startswith("arn:") and value.endswith((f":{name}", f"/{name}"))


_PUT_BESIDE: Final = re.compile(r"(^|\.)[aA]dd[A-Z]\w*")
_SUBJECTS: Final = re.compile(r"(?i)identifiers\[\]\.")
_MANY_SUBNETS: Final = re.compile(r"(?i)subnet(id|identifier)?s(\[\])?$")


def replaces_nothing(leaf: Leaf) -> bool:
    """Whether a member that names other things takes none away: it is put beside what stands, says which thing is meant, or is a list of
    subnets of which more than one is left to serve from.
    """
    return (
        _PUT_BESIDE.search(leaf.path) is not None
        or _SUBJECTS.search(leaf.path) is not None
        or (
            _MANY_SUBNETS.search(leaf.path) is not None
            and isinstance(leaf.value, list)
            and len(leaf.value) > 1
        )
    )


APPENDS: Final = frozenset(
    {
        "cloudwatch:PutMetricData",
        "events:PutEvents",
        "events:PutPartnerEvents",
        "firehose:PutRecord",
        "firehose:PutRecordBatch",
        "kinesis:PutRecord",
        "kinesis:PutRecords",
        "logs:PutLogEvents",
        "sns:Publish",
        "sns:PublishBatch",
    }
)
"""These add a record and touch nothing that stands: there is nothing to read about it."""

STARTS: Final = re.compile(
    r"^StartConfigRulesEvaluation$|^(Start|Resume)(?!.*(Execution|Session|Command|Automation|Build|Run|Quer|Job|Task|Pipeline|Experiment|Deployment|Import|Export|"
    r"Migration|Replication|Refresh|Test|Workflow|Statement|Shift|Evaluation|Training|Crawler|Flow|Signaling|Call|Chat|Contact|"
    r"Conversation|Restore|Failover|Recovery|Policy|Access|Recommendation|Generation|Upload|Maintenance|Campaign))"
)
"""Verbs that set going what stands already, with what it has been given before; not what runs what the request brings."""

ROLE: Final = re.compile(
    r"(^|[a-z])(role)(arn|name)?$|executionrole|iaminstanceprofile|servicerole", re.IGNORECASE
)

_FAMILIES: Final = {
    # what a member is by its name, in lower case and without - and _
    "protection": r"(deletion|termination|delete|stop|scalein)protect(ion|ed)?(enabled|mode)?$|disableapi(termination|stop)|"
    r"protectedfromscalein|preventdestroy|deleteprotection",
    "skip": r"^(skip(final)?(cluster)?(snapshot|backup)|deleteautomatedbackups|skiparchive)$",
    "force": r"^(force(?!newdeployment|lambda|path|redeploy|refresh)\w*|bypass\w*|ignore\w*(boundary|check|fail|error|block)\w*|cascade\w*|"
    r"purge\w*|skip(os|resource|validation|check)\w*|overridelock\w*|allowmajorversionupgrade)$",
    "role": ROLE.pattern,
    "code": r"^(userdata|code|script|scriptlocation|definition|definitionstring|templatebody|templateurl|command|commands|"
    r"entrypoint|scheduleexpression|schedule|cron\w*|buildspec(override)?|sql|sqls|statement|querystatement|querystring|target|targets|document|content|"
    r"pipelinedefinition\w*|functioncode|zipfile|image|imageuri|containerdefinitions|lifecyclescript\w*|startupscript|"
    r"initscript\w*|bootstrapactions|steps)$",
    "key": r"^(publickey\w*|sshpublickey\w*|password|masteruserpassword|principal|principals|externalid|certificatebody|"
    r"certificatechain|trustpolicy|assumerolepolicydocument|thumbprintlist|samlmetadatadocument|authtoken|masterpassword)$",
    "policy": r"(^|resource|repository|bucket|key|topic|queue|access|filesystem|vault|registry|domain|stack|endpoint|trust)"
    r"policy(document|text|body|json|asjson)?$|^accesspolicies$",
    "retention": r"retention|expiration|expirationindays|^expir|deleteafterdays|pendingwindow|recoverywindow|timetolive",
    "backup": r"(backup|snapshot)\w*retention\w*|retention\w*(backup|snapshot)\w*",
    "capacity": r"^(desired\w*(count|capacity|size|instances)|(total)?target\w*capacity|minsize|maxsize|mincapacity|maxcapacity|minimum\w*capacity|"
    r"maximum\w*capacity|\w*readcapacityunits|\w*writecapacityunits|reserved\w*executions|maxvcpus|desiredsize|instancecount|"
    r"desiredinstancecount|numberof\w*|replicacount|newreplicacount|trafficdialpercentage|shardcount|nodecount|"
    r"desiredweight|maximum(concurrency|executions)|maxconcurrency\w*|provisioned\w*(units|executions))$",
    "state": r"(^|[a-z])(status|state|indexingmode|loggingmode|inspectionmode)$",
    "flag": r"(^|is|auto)enabled?$|^(auto)?enabled?[a-z]|[a-z]required$|[a-z](enabled|activated)$|^(use|require|enforce|encrypt)[a-z]|^(multiaz|atrest\w*|transit\w*)$|^active$",
    "inverse": r"^disable(?!api(termination|stop)|rollback|schema|source|scalein)\w*$|[a-z]disabled$|^disabled?\w*types$|^disabled$|^blackhole$|"
    r"^(is)?(suspend(ed)?|paused|deprecated)$|^pauseruns$|^unsubscribeall$",
    "removal": r"^(delete|remove|terminate|destroy|drop|wipe|reset|purge|truncate|disassociate|dissociate|clear)(?!protect|instanceon|onterm|after|when|marker|text|tags?$|tagkeys)[a-z]\w*|"
    r"^revoke(permissions?|access|grants?)$|[a-z]to(be)?(removed?|deleted?|terminate|reset|revoke|disable)$|[a-z](revocations|removals|deletions)$|^(remove|delete|deletes|deletions|removals|(replace|overwrite)(existing)?)$",
    "public": r"^(publiclyaccessible|mappubliciponlaunch|endpointpublicaccess|public|ispublic|allowpublic\w*|publicaccess\w*|"
    r"allowexternal\w*|allowalltraffic\w*|associateentireaccount|allowwrites|allowanonymous\w*|internetaccess\w*|allowunauthenticated\w*|anonymousauth\w*|directinternetaccess)$",
    "other": r"(account|accountid|accountids|accounts|crossaccount\w*|userid|userids|valuestoadd|principal|principals|sharedwith\w*|"
    r"consumeridentifier|destination\w*|destinationarn|targetarn|granteeprincipal|target(aws)?account\w*|awsaccountid\w*|"
    r"s3bucketname|authorizedaccounts|accountaggregation\w*)$",
    "renamed": r"^new(?!game)\w*(name|identifier|path|label|alias)$",
    "place": r"^((source|target|origin|server|db|redis|smtp)?host(name)?|server(host)?name|nameservers?|dnsips|dnsserver\w*|metadatalocation|locationuri|"
    r"((http|https|webhook|callback|notification|invocation|target|api|origin|destination|delivery|service)(endpoint)?|endpoint)(url|uri)|"
    r"(http|target|origin)?endpoint(address|dns)?|origindomain\w*|(custom)?redirect(url|uri|to|all|domain)\w*)$",
    "trust": r"(^|[a-z])(issuer|issuerurl|idpmetadata|metadataurl|samlconfiguration|samlmetadata\w*|discoveryurl|jwks\w*|truststorearn|trustanchor\w*|"
    r"providerdetails|oidcconfig\w*|openidconnectconfig\w*|authenticationproviders|(authorized|trusted)tokenissuer\w*|crl(data)?)$|^(secretkey|secretaccesskey|privatekey|clientsecret|tokenkey)$",
    "ceiling": r"^(max(imum)?\w*(connections?|connectionspercent|sessions?|requests?|throughput|bandwidth|percent|workers?|workercount|nodes|units|runs)|"
    r"quantity|(daily|monthly|spend|usage|rate|burst)\w*limit)$",
    "reference": r"(keyarn|keyid|kmskey|functionarn|lambdaarn|(subnet|securitygroup|vpcsecuritygroup)(id)?s|subnetmapping|topicarn|topicname|snstopicarns?|"
    r"bucketname|bucketarn|bucket|streamarn|clusterarn|(parameter|option|subnet)group(name|identifier)|launchtemplate(id|name)|instanceprofile(name|arn)?|certificatearn|"
    r"webaclarn|webaclid|vpcid|(instance|node|broker|host|fleet)(type|class)|(engine|kubernetes|platform|kafka|airflow|release|grafana)version|"
    r"permissionarn|policyarn|(destination|delivery|stream|channel)\w*arn|(image|ami)id|solutionversionarn|junctionpath|(allowed|permitted|blocked|denied)[a-z]+)$",
    "lifecycle": r"^lifecyclepolic(y|ies)(text|document)?$",
    "targets": r"^(targets|instanceids|resourcearns|resourceids|resourcearnlist|names|ids|arns|entries|\w{3,}(ids|arns|names))$",
}
_COMPILED: Final = {family: re.compile(pattern, re.IGNORECASE) for family, pattern in _FAMILIES.items()}


@lru_cache(maxsize=16_384)
def families(name: str) -> tuple[str, ...]:
    """What a member is by its name; a name may be several things."""
    plain = name.replace("-", "").replace("_", "")
    return tuple(family for family, pattern in _COMPILED.items() if pattern.search(plain))


def leaves(value: Any, path: str = "", depth: int = 0) -> Iterator[Leaf]:
    """(name, path, value) of every member of the request, to a depth."""
    if depth > DEPTH_MAX:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            place = f"{path}.{name}" if path else str(name)
            yield Leaf(str(name), place, inner)
            if isinstance(inner, (dict, list)):
                yield from leaves(inner, place, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, path + "[]", depth + 1)


def members(context: Context) -> list[Leaf]:
    """Every member of the request."""
    found = context.memo.get("members")
    if found is None:
        found = context.memo["members"] = list(leaves(context.parameters))
    return list(found)


def of(context: Context, family: str) -> list[Leaf]:
    """The members of a family that no row of this operation looks at."""
    sorted_out = context.memo.get("families")
    if sorted_out is None:
        seen = looked_at(context.operation.name)
        sorted_out = context.memo["families"] = {}
        for leaf in members(context):
            if leaf.path in seen:
                continue
            for one in families(leaf.name):
                sorted_out.setdefault(one, []).append(leaf)
    found: list[Leaf] = sorted_out.get(family, [])
    return found
