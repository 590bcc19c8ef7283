"""ECR repositories.

A repository is deleted with its images only by force (https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DeleteRepository.html);
an image that is gone can only be pushed again.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.model.assessment import Recoverable
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Backup
from keyturn.providers.aws.recipes.base import State
from keyturn.providers.aws.recipes.declared import Change, Declared, Make, Read, Rehearsed, Tags
from keyturn.providers.aws.recipes.filling import ARN, ID

_WHICH = {"repositoryName": ID}
_BUT = "imageTagMutabilityExclusionFilters"
_GONE = ("RepositoryNotFoundException",)


class Repository(Declared):
    """Mutability, scanning, encryption, policies and tags of a repository, and how many images lie in it."""

    kind: ClassVar[str] = "ecr:repository"
    title: ClassVar[str] = "ECR repository"
    fields: ClassVar[tuple[str, ...]] = (
        "imageTagMutability", _BUT, "imageScanningConfiguration", "encryptionConfiguration", "policy", "lifecycle", "tags",
    )  # fmt: skip
    data_bearing: ClassVar[bool] = True
    deletes: ClassVar[frozenset[str]] = frozenset({"ecr:DeleteRepository"})
    documents: ClassVar[frozenset[str]] = frozenset({"policy", "lifecycle"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "ecr:DescribeRepositories",
            {"repositoryNames": [ID]},
            {
                "arn": "repositoryArn",
                "imageTagMutability": "imageTagMutability",
                _BUT: _BUT,
                "imageScanningConfiguration": "imageScanningConfiguration",
                "encryptionConfiguration": "encryptionConfiguration",
            },
            absent=_GONE,
            one_of="repositories",
        ),
        Read("ecr:ListTagsForResource", {"resourceArn": ARN}, {"tags": "tags"}, absent=_GONE),
        Read("ecr:GetRepositoryPolicy", _WHICH, {"policy": "policyText"}, absent=("RepositoryPolicyNotFoundException",)),
        Read("ecr:GetLifecyclePolicy", _WHICH, {"lifecycle": "lifecyclePolicyText"}, absent=("LifecyclePolicyNotFoundException",)),
        Read("ecr:ListImages", _WHICH, {"images": "imageIds"}, all_of="imageIds", tokens=("nextToken", "nextToken")),
    )  # fmt: skip
    make: ClassVar[Make] = Make(
        "ecr:CreateRepository",
        _WHICH,
        {
            "imageTagMutability": "imageTagMutability",
            _BUT: _BUT,
            "imageScanningConfiguration": "imageScanningConfiguration",
            "encryptionConfiguration": "encryptionConfiguration",
        },
    )
    makes_tags: ClassVar[str] = "tags"
    then: ClassVar[tuple[Make, ...]] = (
        Make("ecr:SetRepositoryPolicy", _WHICH, {"policyText": "policy"}, when="policy"),
        Make("ecr:PutLifecyclePolicy", _WHICH, {"lifecyclePolicyText": "lifecycle"}, when="lifecycle"),
    )
    changes: ClassVar[tuple[Change, ...]] = (
        Change(
            "ecr:PutImageTagMutability",
            _WHICH,
            {"imageTagMutability": "imageTagMutability", _BUT: _BUT},
            whole=True,
        ),
        Change(
            "ecr:PutImageScanningConfiguration",
            _WHICH,
            {"imageScanningConfiguration": "imageScanningConfiguration"},
        ),
        Change(
            "ecr:SetRepositoryPolicy",
            _WHICH,
            {"policyText": "policy"},
            clear={"policy": Make("ecr:DeleteRepositoryPolicy", _WHICH)},
        ),
        Change(
            "ecr:PutLifecyclePolicy",
            _WHICH,
            {"lifecyclePolicyText": "lifecycle"},
            clear={"lifecycle": Make("ecr:DeleteLifecyclePolicy", _WHICH)},
        ),
    )
    tagged: ClassVar[Tags] = Tags(
        "ecr:TagResource", "ecr:UntagResource", {"resourceArn": ARN}, "tags", "tagKeys"
    )
    rehearsed: ClassVar[Rehearsed] = Rehearsed("ecr:DeleteRepository", _WHICH)
    loss: ClassVar[tuple[str, ...]] = ("every image and tag in it: they have to be pushed again",)

    def is_empty(self, state: State) -> bool:
        return state.get("images") == []

    def recoverable(self, ref: ResourceRef, state: State | None) -> Recoverable:
        found = super().recoverable(ref, state)
        return msgspec.structs.replace(found, backup=state is not None and self.is_empty(state))

    def backup(self, ref: ResourceRef, state: State, *, case_id: str, at_ms: int) -> Inquiry[Backup]:
        """Of a repository without images its settings; of one with images none: they would have to be pulled."""
        if not self.is_empty(state):
            return (yield from super().backup(ref, state, case_id=case_id, at_ms=at_ms))
        return (yield from self.settings_twice(ref, state, at_ms=at_ms))

    def at_risk(self, state: State) -> str:
        count = len(state.get("images") or [])
        return f"{count:,} images" if count else ""
