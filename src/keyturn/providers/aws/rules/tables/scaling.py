"""How much runs: Auto Scaling groups, scalable targets, containers, clusters, batch."""

from __future__ import annotations

from typing import Final

from keyturn.providers.aws.rules.conditions import (
    ALWAYS,
    Live,
    Request,
    becomes,
    below,
    changed,
    check,
    drops,
    given,
    lower,
    off,
    says,
    standing,
    stands,
    values,
    zero,
)
from keyturn.providers.aws.rules.table import (
    BACKUPS_OFF,
    EXPOSES,
    GRANTS,
    LOSS,
    OUTAGE,
    OUTAGE_DELETE,
    OUTAGE_ONE_WAY,
    REMARK,
    REPLACES,
    RUNS,
    SHELL,
    STRIP,
    Read,
    Table,
)

# fmt: off
A: Final = Table("autoscaling", "https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_{}.html")
_GROUP: Final = Read("autoscaling:DescribeAutoScalingGroups", {"AutoScalingGroupNames": ["AutoScalingGroupName"]}, "AutoScalingGroups[0]")
A.read("UpdateAutoScalingGroup SetDesiredCapacity DeleteAutoScalingGroup StartInstanceRefresh SuspendProcesses DetachInstances SetInstanceProtection EnterStandby DetachLoadBalancerTargetGroups", _GROUP)
A.row("AS001", "UpdateAutoScalingGroup SetDesiredCapacity", zero("DesiredCapacity", "MaxSize"), OUTAGE, "All instances of the group would be terminated")
A.row("AS002", "UpdateAutoScalingGroup SetDesiredCapacity", lower("DesiredCapacity") | lower("MaxSize", "DesiredCapacity"), OUTAGE, "Instances would be terminated: it asks for fewer than run now")
A.row("AS003", "DeleteAutoScalingGroup", says("ForceDelete", True), OUTAGE_DELETE, "The group would be deleted with all its instances")
A.row("AS004", "StartInstanceRefresh", ALWAYS, REPLACES, "Every instance of the group would be replaced, one after the other")
A.row("AS005", "StartInstanceRefresh", below("Preferences.MinHealthyPercentage", 50), OUTAGE, "More than half of the group may be out of service meanwhile")
A.row("AS006", "SuspendProcesses", ALWAYS, OUTAGE, "The group would no longer replace instances that fail, or scale")
A.row("AS007", "DetachInstances EnterStandby DetachLoadBalancerTargetGroups DetachTrafficSources DetachLoadBalancers", ALWAYS, OUTAGE, "Instances would be taken out of service, or out of reach", "DetachInstances")
A.row("AS008", "SetInstanceProtection UpdateAutoScalingGroup", off("ProtectedFromScaleIn", "") | off("NewInstancesProtectedFromScaleIn"), STRIP, "Protection of instances against scale-in would be taken off")
A.row("AS009", "UpdateAutoScalingGroup", changed("LaunchTemplate.Version") | changed("LaunchConfigurationName") | given("MixedInstancesPolicy"), RUNS, "What is started from now on would be of another template")
A.row("AS010", "TerminateInstanceInAutoScalingGroup", says("ShouldDecrementDesiredCapacity", True), OUTAGE_DELETE, "The instance is terminated, and none takes its place")
A.row("AS011", "PutScheduledUpdateGroupAction", zero("DesiredCapacity", "MaxSize", live=""), OUTAGE, "At that time all instances of the group would be terminated")
A.row("AS012", "UpdateAutoScalingGroup", changed("DeletionProtection") & says("DeletionProtection", "none"), STRIP, "The group could be deleted again")
A.row("AS013", "CreateLaunchConfiguration", given("UserData"), RUNS, "User data runs as root on what is started from it")
A.row("AS014", "SetInstanceHealth", says("HealthStatus", "Unhealthy"), OUTAGE_DELETE, "The group would terminate the instance, and start another in its place")
P: Final = Table("application-autoscaling", "https://docs.aws.amazon.com/autoscaling/application/APIReference/API_{}.html")
P.read("RegisterScalableTarget DeregisterScalableTarget", Read("application-autoscaling:DescribeScalableTargets", {"ServiceNamespace": "ServiceNamespace", "ResourceIds": ["ResourceId"]}, "ScalableTargets[0]"))
P.row("AA001", "RegisterScalableTarget", zero("MaxCapacity", "MinCapacity"), OUTAGE, "It could be scaled to nothing")
P.row("AA002", "RegisterScalableTarget", lower("MaxCapacity"), OUTAGE, "It could grow less than it can now")
P.row("AA003", "RegisterScalableTarget", says("SuspendedState.DynamicScalingInSuspended", True) | says("SuspendedState.DynamicScalingOutSuspended", True) | says("SuspendedState.ScheduledScalingSuspended", True), OUTAGE, "It would no longer scale by itself")
P.row("AA004", "DeregisterScalableTarget DeleteScalingPolicy", ALWAYS, OUTAGE, "It would no longer scale by itself", "DeregisterScalableTarget")
P.row("AA005", "PutScheduledAction", zero("ScalableTargetAction.MaxCapacity", live=""), OUTAGE, "At that time it would be scaled to nothing")
E: Final = Table("ecs", "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_{}.html")
_SERVICE: Final = Read("ecs:DescribeServices", {"cluster": "cluster", "services": ["service"]}, "services[0]")
E.read("UpdateService DeleteService", _SERVICE)
E.read("UpdateService", Read("ecs:DescribeTaskDefinition", {"taskDefinition": "taskDefinition"}, "taskDefinition"), "task")
E.read("RunTask StartTask", Read("ecs:DescribeTaskDefinition", {"taskDefinition": "taskDefinition"}, "taskDefinition"))
E.read("PutClusterCapacityProviders UpdateCluster UpdateClusterSettings", Read("ecs:DescribeClusters", {"clusters": ["cluster"]}, "clusters[0]"))
E.row("ECS001", "UpdateService", zero("desiredCount"), OUTAGE, "All tasks of the service would be stopped")
E.row("ECS002", "UpdateService", lower("desiredCount") & ~zero("desiredCount"), OUTAGE, "Fewer tasks would run than now")
E.row("ECS003", "UpdateService", (says("forceNewDeployment", True) | given("taskDefinition")) & (says("deploymentConfiguration.minimumHealthyPercent", 0) | stands("deploymentConfiguration.minimumHealthyPercent", 0)), OUTAGE, "All tasks may be stopped before new ones run (minimumHealthyPercent is 0)")
E.row("ECS004", "DeleteService", says("force", True) | stands("desiredCount") & ~stands("desiredCount", 0), OUTAGE_DELETE, "Tasks that run would be stopped")
E.row("ECS005", "ExecuteCommand", ALWAYS, SHELL, "A command in a container cannot be judged from the request")
E.row("ECS006", "UpdateService UpdateTaskSet", off("deploymentConfiguration.deploymentCircuitBreaker.enable", "") | off("deploymentConfiguration.deploymentCircuitBreaker.rollback", ""), STRIP, "A deployment that fails would not be stopped or rolled back")
E.row("ECS007", "RegisterTaskDefinition", says("containerDefinitions[].privileged", True) | says("networkMode", "host") | says("pidMode", "host"), GRANTS, "Its containers would have the rights of their host")
E.row("ECS008", "UpdateContainerInstancesState", says("status", "DRAINING"), OUTAGE, "Tasks would be moved away from these instances")
E.row("ECS009", "StopTask", ALWAYS, OUTAGE, "The task would be stopped; a service starts another one")
E.row("ECS010", "PutClusterCapacityProviders", drops("capacityProviders", "capacityProviders"), OUTAGE, "Capacity that the cluster's services may run on would be taken from it")
E.row("ECS011", "UpdateService", says("enableExecuteCommand", True), GRANTS, "Shells could be opened in its containers")
E.row("ECS012", "DeregisterTaskDefinition DeleteTaskDefinitions", ALWAYS, OUTAGE_DELETE, "No new task can be started from that revision", "DeleteTaskDefinitions")
E.row("ECS013", "UpdateService", says("networkConfiguration.awsvpcConfiguration.assignPublicIp", "ENABLED"), EXPOSES, "Its tasks would have public addresses")
E.row("ECS014", "UpdateService", changed("loadBalancers[].targetGroupArn", unread=None), OUTAGE, "Traffic would reach the service on another way, or on none")
E.row("ECS015", "DeregisterContainerInstance DeleteTaskSet", says("force", True), OUTAGE_DELETE, "Tasks that run there are left behind or stopped", "DeregisterContainerInstance")
K: Final = Table("eks", "https://docs.aws.amazon.com/eks/latest/APIReference/API_{}.html")
_CLUSTER: Final = Read("eks:DescribeCluster", {"name": "name"}, "cluster")
K.read("UpdateClusterConfig UpdateClusterVersion DeleteCluster", _CLUSTER)
K.read("UpdateNodegroupConfig UpdateNodegroupVersion DeleteNodegroup", Read("eks:DescribeNodegroup", {"clusterName": "clusterName", "nodegroupName": "nodegroupName"}, "nodegroup"))
K.row("EKS001", "UpdateNodegroupConfig", zero("scalingConfig.desiredSize", "scalingConfig.maxSize"), OUTAGE, "No nodes would be left in the group")
K.row("EKS002", "UpdateNodegroupConfig", lower("scalingConfig.desiredSize") | lower("scalingConfig.maxSize", "scalingConfig.desiredSize"), OUTAGE, "Nodes would be drained: it asks for fewer than run now")
K.row("EKS003", "UpdateClusterConfig", off("deletionProtection"), STRIP, "The cluster could be deleted again")
K.row("EKS004", "UpdateClusterConfig", (off("resourcesVpcConfig.endpointPublicAccess") & ~says("resourcesVpcConfig.endpointPrivateAccess", True)) | off("resourcesVpcConfig.endpointPrivateAccess"), OUTAGE, "Who reaches the cluster over that endpoint would be cut off")
K.row("EKS005", "UpdateClusterConfig", says("resourcesVpcConfig.endpointPublicAccess", True) | says("resourcesVpcConfig.publicAccessCidrs", "0.0.0.0/0"), EXPOSES, "The cluster's endpoint would be open to the internet")
K.row("EKS006", "UpdateClusterVersion", ALWAYS, OUTAGE_ONE_WAY, "A cluster's version goes up, never down")
K.row("EKS007", "UpdateNodegroupVersion", ALWAYS, REPLACES, "Every node of the group would be replaced")
K.row("EKS008", "UpdateNodegroupVersion", says("force", True), OUTAGE, "Pods would be evicted whatever their disruption budget says")
K.row("EKS009", "UpdateClusterConfig", off("logging.clusterLogging[].enabled", ""), STRIP, "The control plane's logs, its audit log among them, would be switched off")
K.row("EKS010", "CreateAccessEntry UpdateAccessEntry AssociateAccessPolicy", given("kubernetesGroups", "policyArn"), GRANTS, "Somebody would be given rights in the cluster", "AssociateAccessPolicy")
K.row("EKS011", "DeleteAccessEntry DisassociateAccessPolicy DisassociateIdentityProviderConfig", ALWAYS, OUTAGE, "Somebody would lose the way into the cluster", "DeleteAccessEntry")
K.row("EKS012", "UpdateAddon", says("resolveConflicts", "OVERWRITE"), OUTAGE, "Settings that somebody has made by hand would be overwritten")
B: Final = Table("batch", "https://docs.aws.amazon.com/batch/latest/APIReference/API_{}.html")
B.read("UpdateComputeEnvironment", Read("batch:DescribeComputeEnvironments", {"computeEnvironments": ["computeEnvironment"]}, "computeEnvironments[0]"))
B.read("UpdateJobQueue", Read("batch:DescribeJobQueues", {"jobQueues": ["jobQueue"]}, "jobQueues[0]"))
B.row("BAT001", "UpdateComputeEnvironment UpdateJobQueue", off("state"), OUTAGE, "No job would be started any more")
B.row("BAT002", "UpdateComputeEnvironment", zero("computeResources.maxvCpus", "computeResources.desiredvCpus") | lower("computeResources.maxvCpus"), OUTAGE, "Jobs would have less to run on, or nothing")
B.row("BAT003", "TerminateJob CancelJob", ALWAYS, OUTAGE, "The job's work so far is lost", "TerminateJob")
B.row("BAT004", "UpdateJobQueue", drops("computeEnvironmentOrder[].computeEnvironment", "computeEnvironmentOrder[].computeEnvironment"), OUTAGE, "The queue would lose a place its jobs run on")
R: Final = Table("ecr", "https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_{}.html")
R.read("DeleteRepository PutImageTagMutability PutImageScanningConfiguration", Read("ecr:DescribeRepositories", {"repositoryNames": ["repositoryName"]}, "repositories[0]"))
R.read("PutImage", Read("ecr:DescribeImages", {"repositoryName": "repositoryName", "imageIds": [{"imageTag": "imageTag"}]}, "imageDetails[0]"))
R.read("SetRepositoryPolicy", Read("ecr:GetRepositoryPolicy", {"repositoryName": "repositoryName"}))


def _expires(request: Request, _live: Live) -> bool | None:
    text = " ".join(map(str, values(request, "lifecyclePolicyText")))
    return '"expire"' in text or "$sealed" in text


def _retagged(request: Request, live: Live) -> bool | None:
    found = standing(live, "imageDigest")
    if not values(request, "imageTag"):
        return False
    return None if found is None else bool(found)

R.row("ECR001", "DeleteRepository", says("force", True), LOSS, "All images of the repository would be deleted with it")
R.row("ECR002", "PutLifecyclePolicy", check(_expires, given=("lifecyclePolicyText",)), LOSS, "Images would be deleted by the policy within a day")
R.row("ECR003", "PutImage", check(_retagged, given=("imageTag",), live=("imageDigest",)), OUTAGE, "The tag names an image already: who pulls it next gets another one")
R.row("ECR004", "PutImageTagMutability", becomes("imageTagMutability", "MUTABLE", "MUTABLE_WITH_EXCLUSION"), STRIP, "Tags could be moved to other images")
R.row("ECR005", "PutImageScanningConfiguration PutRegistryScanningConfiguration", off("imageScanningConfiguration.scanOnPush") | given("scanType") & ~given("rules"), STRIP, "Images would no longer be scanned when they are pushed", "PutImageScanningConfiguration")
R.row("ECR006", "BatchDeleteImage", ALWAYS, OUTAGE_DELETE, "What runs from these images can be started no more")
R.row("ECR007", "PutReplicationConfiguration", check(lambda request, _live: request.get("replicationConfiguration", {}).get("rules") == [], given=("replicationConfiguration.rules",)), BACKUPS_OFF, "Images would no longer be copied to other regions or accounts")
E.row("ECS016", "RunTask StartTask", given("overrides.containerOverrides[].command", "overrides.taskRoleArn", "overrides.containerOverrides[].environment"), RUNS, "The task would run another command, or with other settings, than its definition says")
B.row("BAT005", "SubmitJob", given("containerOverrides.command", "containerOverrides.environment"), RUNS, "The job would run another command, or with other settings, than its definition says")
B.row("BAT006", "RegisterJobDefinition", says("containerProperties.privileged", True), GRANTS, "Its containers would have the rights of their host")
E.row("ECS017", "UpdateClusterSettings UpdateCluster", says("settings[].value", "disabled"), STRIP, "What watches the cluster would be switched off", "UpdateClusterSettings")
K.row("EKS013", "CreateCluster", says("deletionProtection", False), REMARK, "It would stand without deletion protection")
