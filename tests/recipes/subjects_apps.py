"""As `subjects`: APIs, pools, databases, caches, domains, buckets."""

from __future__ import annotations

import json
from typing import Any

from tests.provider.provider_world import ACCOUNT, REGION, Account
from tests.recipes.drawing import Draw, accepted, perform
from tests.recipes.reborn_nights import network
from tests.recipes.subjects import (
    MAY,
    PASSWORD,
    ROLE,
    Made,
    label,
    must,
    some,
)


def rest(account: Account, draw: Draw) -> Made:
    chance, name = draw.chance, label(draw.chance)
    found = must(accepted(account, "apigateway:CreateRestApi", {"name": name}, draw)).answer
    api = {"restApiId": found["id"]}
    root = perform(account, "apigateway:GetResources", api)["items"][0]["id"]
    resource = perform(account, "apigateway:CreateResource", {**api, "parentId": root, "pathPart": "orders"})[
        "id"
    ]
    inner = perform(account, "apigateway:CreateResource", {**api, "parentId": resource, "pathPart": "{id}"})[
        "id"
    ]
    some(
        draw,
        account,
        "apigateway:CreateModel",
        {**api, "name": "Order", "contentType": "application/json", "schema": '{"type": "object"}'},
    )
    some(draw, account, "apigateway:PutGatewayResponse", {**api, "responseType": "DEFAULT_4XX"})
    some(
        draw,
        account,
        "apigateway:CreateAuthorizer",
        {
            **api,
            "name": "who",
            "type": "TOKEN",
            "authorizerUri": f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/f/invocations",
            "identitySource": "method.request.header.Auth",
        },
    )
    for where in (resource, inner):
        for verb in chance.sample(["GET", "POST", "ANY"], chance.randint(1, 2)):
            method = {**api, "resourceId": where, "httpMethod": verb}
            some(
                draw,
                account,
                "apigateway:PutMethod",
                {**method, "authorizationType": "NONE", "apiKeyRequired": chance.random() < 0.5},
                always=True,
            )
            perform(
                account,
                "apigateway:PutMethodResponse",
                {**method, "statusCode": "200", "responseModels": {"application/json": "Empty"}},
            )
            perform(
                account,
                "apigateway:PutIntegration",
                {
                    **method,
                    "type": "HTTP",
                    "uri": "https://example.com",
                    "integrationHttpMethod": "POST",
                    "requestTemplates": {"application/json": "{}"},
                },
            )
            perform(
                account,
                "apigateway:PutIntegrationResponse",
                {**method, "statusCode": "200", "selectionPattern": ""},
            )
    for stage in chance.sample(["live", "test"], chance.randint(0, 2)):
        perform(
            account,
            "apigateway:CreateDeployment",
            {**api, "stageName": stage, "variables": {"table": "orders"}, "description": "ö"},
        )
    return Made(found["id"], {**api, "embed": ["methods"]}, ("apigateway:DeleteRestApi", api))


def http(account: Account, draw: Draw) -> Made:
    chance, name = draw.chance, label(draw.chance)
    found = must(
        accepted(account, "apigatewayv2:CreateApi", {"Name": name, "ProtocolType": "HTTP"}, draw)
    ).answer
    api = {"ApiId": found["ApiId"]}
    for at in range(chance.randint(0, 3)):
        behind = perform(
            account,
            "apigatewayv2:CreateIntegration",
            {
                **api,
                "IntegrationType": "HTTP_PROXY",
                "IntegrationUri": f"https://example.com/{at}",
                "IntegrationMethod": "GET",
                "PayloadFormatVersion": "1.0",
                "TimeoutInMillis": 5000 + at,
            },
        )["IntegrationId"]
        perform(
            account,
            "apigatewayv2:CreateRoute",
            {**api, "RouteKey": f"GET /orders/{at}", "Target": f"integrations/{behind}"},
        )
    some(draw, account, "apigatewayv2:CreateStage", {**api, "StageName": "$default"})
    some(
        draw,
        account,
        "apigatewayv2:CreateAuthorizer",
        {
            **api,
            "Name": "who",
            "AuthorizerType": "JWT",
            "IdentitySource": ["$request.header.Authorization"],
            "JwtConfiguration": {"Audience": ["x"], "Issuer": "https://example.com"},
        },
    )
    return Made(found["ApiId"], api, ("apigatewayv2:DeleteApi", api))


def pool(account: Account, draw: Draw) -> Made:
    name = label(draw.chance)
    # deprecated: TemporaryPasswordValidityDays stands in its place (API_AdminCreateUserConfigType)
    draw.hints = {**draw.hints, "UnusedAccountValidityDays": lambda _: None}
    found = must(accepted(account, "cognito-idp:CreateUserPool", {"PoolName": name}, draw)).answer[
        "UserPool"
    ]["Id"]
    here = {"UserPoolId": found}
    some(draw, account, "cognito-idp:CreateUserPoolClient", {**here, "ClientName": "web"})
    some(
        draw,
        account,
        "cognito-idp:CreateGroup",
        {**here, "GroupName": "staff", "Description": "ö", "Precedence": 3},
    )
    some(
        draw,
        account,
        "cognito-idp:CreateResourceServer",
        {
            **here,
            "Identifier": "api",
            "Name": "api",
            "Scopes": [{"ScopeName": "read", "ScopeDescription": "x"}],
        },
    )
    some(draw, account, "cognito-idp:CreateUserPoolDomain", {**here, "Domain": name})
    some(draw, account, "cognito-idp:AdminCreateUser", {**here, "Username": "ann"})
    return Made(found, {**here, "MaxResults": 60}, ("cognito-idp:DeleteUserPool", here))


def database(account: Account, draw: Draw) -> Made:
    name, made = label(draw.chance), network(account)
    perform(
        account,
        "rds:CreateDBSubnetGroup",
        {
            "DBSubnetGroupName": "nets",
            "DBSubnetGroupDescription": "x",
            "SubnetIds": [made["subnet"], made["subnet2"]],
        },
    )
    given = {"DBInstanceIdentifier": name, "DBInstanceClass": "db.t3.medium", "Engine": draw.chance.choice(["postgres", "mysql"]), "AllocatedStorage": 50, "MasterUsername": "root", "MasterUserPassword": PASSWORD,
             "StorageType": "gp3"}  # fmt: skip
    draw.hints = {
        **draw.hints,
        "^(ManageMaster|MasterUserSecret|DBCluster|Db.*Group|DB.*Groups?$|DBParameter|OptionGroup|Vpc|Domain|Tde|Character|Nchar|Custom|CACert|DBSystem|Dedicated|EngineVersion|Iops|StorageThroughput|Timezone|NetworkType|AvailabilityZone|Source|PreSigned|ProcessorFeatures|AdditionalStorage|MasterUserAuth|EngineLifecycle|EngineMode|LicenseModel|PerformanceInsightsKMS|Multi)": lambda _: (
            None
        ),
        "PreferredBackupWindow": lambda _: "03:00-03:30",
        "PreferredMaintenanceWindow": lambda _: "sun:05:00-sun:05:30",
        "MonitoringRoleArn": lambda _: ROLE,
        "DeletionProtection": lambda _: False,
        "KmsKeyId": lambda _: "alias/aws/rds",
        "EnableCloudwatchLogsExports": lambda _: ["audit"],
    }
    given |= {"DBSubnetGroupName": "nets"}
    must(accepted(account, "rds:CreateDBInstance", given, draw))
    keys = {"DBInstanceIdentifier": name, "ResourceName": f"arn:aws:rds:{REGION}:{ACCOUNT}:db:{name}"}
    return Made(
        name, keys, ("rds:DeleteDBInstance", {"DBInstanceIdentifier": name, "SkipFinalSnapshot": True})
    )


def aurora(account: Account, draw: Draw) -> Made:
    name, made = label(draw.chance), network(account)
    perform(
        account,
        "rds:CreateDBSubnetGroup",
        {
            "DBSubnetGroupName": "nets",
            "DBSubnetGroupDescription": "x",
            "SubnetIds": [made["subnet"], made["subnet2"]],
        },
    )
    given = {
        "DBClusterIdentifier": name,
        "Engine": draw.chance.choice(["aurora-postgresql", "aurora-mysql"]),
        "MasterUsername": "root",
        "MasterUserPassword": PASSWORD,
        "DBSubnetGroupName": "nets",
    }
    draw.hints = {
        **draw.hints,
        "^(ManageMaster|MasterUserSecret|DBClusterParam|OptionGroup|Vpc|Domain|Character|EngineVersion|EngineMode|Iops|AllocatedStorage|NetworkType|AvailabilityZones|Source|PreSigned|Global|ReplicationSource|DBClusterInstance|StorageType|DBSystem|CACert|Cluster|ScalingConf|RdsCustom|MasterUserAuth|EngineLifecycle|PerformanceInsightsKMS|EnableLocal|EnableLimitless|Monitoring|WithExpress|Backtrack)": lambda _: (
            None
        ),
        "PreferredBackupWindow": lambda _: "03:00-03:30",
        "PreferredMaintenanceWindow": lambda _: "sun:05:00-sun:05:30",
        "DeletionProtection": lambda _: False,
        "KmsKeyId": lambda _: "alias/aws/rds",
        "ServerlessV2": lambda _: {"MinCapacity": 1.0, "MaxCapacity": 4.0},
    }
    must(accepted(account, "rds:CreateDBCluster", given, draw))
    perform(account, "rds:DescribeDBClusters", {"DBClusterIdentifier": name})
    keys = {"DBClusterIdentifier": name, "ResourceName": f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:{name}"}
    return Made(name, keys, ("rds:DeleteDBCluster", {"DBClusterIdentifier": name, "SkipFinalSnapshot": True}))


def replicated(account: Account, draw: Draw) -> Made:
    name = label(draw.chance)
    given = {
        "ReplicationGroupId": name,
        "ReplicationGroupDescription": "ö",
        "Engine": "redis",
        "CacheNodeType": "cache.r7g.large",
        "NumCacheClusters": draw.chance.randint(1, 3),
    }
    draw.hints = {
        **draw.hints,
        "^(Global|PrimaryCluster|NumNode|Replicas|NodeGroup|CacheSecurity|Snapshot(Arns|Name)|AuthToken|LogDelivery|DataTiering|NetworkType|IpDiscovery|Serverless|Preferred.*AZ|CacheSubnet|SecurityGroupIds|ClusterMode|EngineVersion|AutomaticFail|MultiAZ)": lambda _: (
            None
        ),
        "PreferredMaintenanceWindow": lambda _: "sun:05:00-sun:06:00",
        "SnapshotWindow": lambda _: "03:00-04:00",
        "^Port": lambda _: 6380,
        "KmsKeyId": lambda _: "alias/x",
    }
    must(accepted(account, "elasticache:CreateReplicationGroup", given, draw))
    keys = {
        "ReplicationGroupId": name,
        "ResourceName": f"arn:aws:elasticache:{REGION}:{ACCOUNT}:replicationgroup:{name}",
    }
    return Made(name, keys, ("elasticache:DeleteReplicationGroup", {"ReplicationGroupId": name}))


def domain(account: Account, draw: Draw) -> Made:
    name = label(draw.chance)
    draw.hints = {
        **draw.hints,
        "^(AccessPolicies)": lambda _: json.dumps(MAY),
        "^(EngineVersion)": lambda _: "OpenSearch_2.11",
        "^(VPCOptions|CognitoOptions|LogPublishing|IdentityCenter|AdvancedSecurity|DeploymentStrategy)": lambda _: (
            None
        ),
    }
    must(accepted(account, "opensearch:CreateDomain", {"DomainName": name}, draw))
    arn = f"arn:aws:es:{REGION}:{ACCOUNT}:domain/{name}"
    return Made(
        name,
        {"DomainName": name, "ARN": arn, "DomainNames": [name]},
        ("opensearch:DeleteDomain", {"DomainName": name}),
    )


def bucket(account: Account, draw: Draw) -> Made:
    name, chance = label(draw.chance), draw.chance
    here = {"Bucket": name}
    lock = {"ObjectLockEnabledForBucket": True} if chance.random() < 0.2 else {}
    perform(
        account,
        "s3:CreateBucket",
        {**here, "CreateBucketConfiguration": {"LocationConstraint": REGION}, **lock},
    )
    perform(
        account,
        "s3:CreateBucket",
        {"Bucket": "logs-of", "CreateBucketConfiguration": {"LocationConstraint": REGION}},
    )
    calls: list[tuple[str, dict[str, Any]]] = [
        ("PutBucketTagging", {"Tagging": {"TagSet": [{"Key": "größe", "Value": ""}, {"Key": "a", "Value": "b"}]}}),
        ("PutBucketVersioning", {"VersioningConfiguration": {"Status": chance.choice(["Enabled", "Suspended"])}}),
        ("PutBucketEncryption", {"ServerSideEncryptionConfiguration": {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "x"}, "BucketKeyEnabled": True}]}}),
        ("PutBucketLifecycleConfiguration", {"LifecycleConfiguration": {"Rules": [{"ID": "old", "Status": "Enabled", "Filter": {"And": {"Prefix": "x/", "Tags": [{"Key": "a", "Value": "b"}]}}, "Expiration": {"Days": 9}, "Transitions": [{"Days": 3, "StorageClass": "GLACIER"}]}]}}),
        ("PutBucketCors", {"CORSConfiguration": {"CORSRules": [{"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["*"], "AllowedHeaders": ["x-*"], "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 3}]}}),
        ("PutBucketPolicy", {"Policy": json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": f"arn:aws:s3:::{name}/*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]})}),
        ("PutPublicAccessBlock", {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True, "IgnorePublicAcls": False, "BlockPublicPolicy": True, "RestrictPublicBuckets": False}}),
        ("PutBucketOwnershipControls", {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}}),
        ("PutBucketWebsite", {"WebsiteConfiguration": {"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "oops.html"}}}),
        ("PutBucketAccelerateConfiguration", {"AccelerateConfiguration": {"Status": "Enabled"}}),
        ("PutBucketNotificationConfiguration", {"NotificationConfiguration": {"EventBridgeConfiguration": {}}}),
        ("PutBucketRequestPayment", {"RequestPaymentConfiguration": {"Payer": "Requester"}}),
        ("PutBucketAcl", {"ACL": "public-read"}),
        ("PutBucketInventoryConfiguration", {"Id": "daily", "InventoryConfiguration": {"Id": "daily", "IsEnabled": True, "IncludedObjectVersions": "All", "Schedule": {"Frequency": "Daily"}, "Destination": {"S3BucketDestination": {"Bucket": "arn:aws:s3:::logs-of", "Format": "CSV"}}}}),
    ]  # fmt: skip
    if lock:  # "versioning cannot be suspended" then (userguide/object-lock.html); the stand-in does it
        calls = [one for one in calls if one[0] != "PutBucketVersioning"]
    for action, given in chance.sample(calls, chance.randint(0, len(calls))):
        accepted(account, f"s3:{action}", {**here, **given}, Draw(0, {"": lambda _: None}))
    keys = {**here, "Id": "daily"}
    return Made(name, keys, ("s3:DeleteBucket", here))
