"""Reads that answer with a link which opens without a credential for a while (a presigned URL): whoever has the link has what it leads to.

They stay reads: what is behind the link is what the read is about. That the answer can be passed on is said beside it.
"""

from __future__ import annotations

from typing import Final

LINKS: Final = frozenset(
    {
        "amplify:GenerateAccessLogs",
        "amplify:GetArtifactUrl",
        "auditmanager:GetEvidenceFileUploadUrl",
        "bedrock-agentcore-control:GetDataset",
        "connect:GetAttachedFile",
        "connectparticipant:GetAttachment",
        "devicefarm:GetUpload",
        "devicefarm:ListArtifacts",
        "devicefarm:ListUploads",
        "ec2:DescribeConversionTasks",
        "ecr:GetDownloadUrlForLayer",
        "elasticbeanstalk:RetrieveEnvironmentInfo",
        "elbv2:GetTrustStoreCaCertificatesBundle",
        "elbv2:GetTrustStoreRevocationContent",
        "endusermessaging:GetBrandProfileAttribute",
        "endusermessaging:ListBrandProfileAttributes",
        "glue:GetJobUpgradeAnalysis",
        "imagebuilder:GetMarketplaceResource",
        "invoicing:GetInvoicePDF",
        "iot:GetTopicRule",
        "lambda:GetFunction",
        "lex-models:GetExport",
        "lexv2-models:DescribeExport",
        "lexv2-models:DescribeTestSetDiscrepancyReport",
        "lexv2-models:GetTestExecutionArtifactsUrl",
        "mailmanager:GetArchiveMessage",
        "mturk:GetFileUploadURL",
        "notifications:GetManagedNotificationEvent",
        "qconnect:GetContent",
        "qconnect:GetMessageTemplate",
        "quicksight:DescribeAssetBundleExportJob",
        "sesv2:GetExportJob",
        "sesv2:GetImportJob",
        "snowball:DescribeJob",
        "snowball:DescribeReturnShippingLabel",
        "snowball:GetSoftwareUpdates",
        "socialmessaging:ListWhatsAppFlowAssets",
        "ssm:GetDeployablePatchSnapshotForInstance",
        "support:GetAttachmentDownloadLink",
        "support:GetAttachmentUploadLinks",
        "translate:GetParallelData",
        "translate:GetTerminology",
        "wafv2:GenerateMobileSdkReleaseUrl",
        "wellarchitected:GetAgentOrganizationalReportData",
        "wisdom:GetContent",
    }
)
"""By the pages of their answers in botocore; ``iot:GetTopicRule`` shows the token of a rule's Salesforce stream."""
