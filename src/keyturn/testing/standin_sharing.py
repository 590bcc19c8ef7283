"""Copies across accounts in the stand-in: whoever a snapshot or an image is shared with may copy it, and nobody else.

moto looks for the source of a copy in the account of who asks. Filled, each with the page it follows:

  - EC2 CopySnapshot takes a snapshot of another account that is shared with this one; what is not is not found. A copy of what is
    encrypted, or is asked for with a key, is encrypted (https://docs.aws.amazon.com/ebs/latest/userguide/ebs-copy-snapshot.html).
  - EC2 CopyImage takes a shared image whose snapshots are shared too, and gives the copy and its snapshots the tags that were asked for
    (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopyImage.html).
  - RDS CopyDBSnapshot and CopyDBClusterSnapshot take a shared snapshot by its ARN, and refuse an encrypted one without a key
    (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CopyDBSnapshot.html).
  - A snapshot that is made of an encrypted volume says under which key it is (API_Snapshot, KmsKeyId); moto leaves it out.
  - A key under an alias that begins with alias/aws/ is AWS's own (API_KeyMetadata, KeyManager).

Known to differ still: what is encrypted under AWS's own key can be shared here, and nobody needs a permission for a key.
"""

from __future__ import annotations

from typing import Any

from moto.ec2 import models as machines
from moto.ec2.exceptions import InvalidSnapshotIdError
from moto.ec2.models import amis, elastic_block_store
from moto.ec2.responses.amis import AmisResponse
from moto.kms import models as keys
from moto.rds import models as databases
from moto.rds.exceptions import InvalidParameterCombination


def fill_sharing() -> None:
    """Once or more often: what is filled stays so."""
    if hasattr(elastic_block_store.EBSBackend, "standin_copy"):
        return
    _fill_keys()
    _fill_snapshots()
    _fill_images()
    _fill_databases()


def _fill_keys() -> None:
    name = keys.KmsBackend.create_alias

    def named(self: Any, *given: Any, **also: Any) -> Any:
        made = name(self, *given, **also)
        if made.alias_name.startswith("alias/aws/"):
            self.keys[made.target_key_id].key_manager = "AWS"
        return made

    keys.KmsBackend.create_alias = named


# --- disks -----------------------------------------------------------------------------------------------------------


def _fill_snapshots() -> None:
    backend = elastic_block_store.EBSBackend
    copy = backend.standin_copy = backend.copy_snapshot
    create = backend.create_snapshot

    def copied(
        self: Any, source_snapshot_id: str, source_region: str, description: str, kms_key_id: str | None
    ) -> Any:
        owner = _owner_of(self, "snapshots", source_snapshot_id, source_region)
        source = owner.snapshots[source_snapshot_id]
        if owner.account_id == self.account_id:
            made = copy(self, source_snapshot_id, source_region, description, kms_key_id)
        elif self.account_id in source.create_volume_permission_userids:
            made = copy(owner, source_snapshot_id, source_region, description, kms_key_id)
            del owner.snapshots[made.id]
            made.ec2_backend, made.owner_id = self, self.account_id
            self.snapshots[made.id] = made
        else:
            raise InvalidSnapshotIdError
        made.encrypted = bool(source.encrypted or kms_key_id)
        made.kms_key_id = kms_key_id or (source.kms_key_id if source.encrypted else None)
        return made

    def created(self: Any, volume_id: str, *given: Any, **named: Any) -> Any:
        made = create(self, volume_id, *given, **named)
        made.kms_key_id = made.volume.kms_key_id if made.encrypted else None
        return made

    backend.copy_snapshot, backend.create_snapshot = copied, created


def _owner_of(backend: Any, collection: str, name: str, region: str) -> Any:
    """The backend of the account that has it: one's own, or whose it is. Its error where there is none."""
    own = machines.ec2_backends[backend.account_id][region]
    if name in getattr(own, collection):
        return own
    others = [
        accounts[region]
        for account, accounts in machines.ec2_backends.items()
        if account != backend.account_id
    ]
    return next((one for one in others if name in getattr(one, collection)), own)


# --- images ----------------------------------------------------------------------------------------------------------


def _fill_images() -> None:
    backend = amis.AmiBackend
    copy, answer = backend.copy_image, AmisResponse.copy_image

    def copied(
        self: Any,
        source_image_id: str,
        source_region: str,
        name: str | None = None,
        description: str | None = None,
    ) -> Any:
        owner = _owner_of(self, "amis", source_image_id, source_region)
        source = owner.amis.get(source_image_id)
        if source is None or owner.account_id == self.account_id:
            return copy(self, source_image_id, source_region, name, description)
        lets = {"UserId": self.account_id} in source.launch_permissions
        if not lets or self.account_id not in source.ebs_snapshot.create_volume_permission_userids:
            raise amis.InvalidAMIIdError([source_image_id])
        made = amis.Ami(self, amis.random_ami_id(), None, source, name, description)
        self.amis[made.id] = made
        return made

    def asked(self: Any) -> Any:
        told = answer(self)
        made = self.ec2_backend.amis[told.result["ImageId"]]
        tags = self._parse_tag_specification()
        made.add_tags(tags.get("image", {}))
        made.ebs_snapshot.add_tags(tags.get("snapshot", {}))
        key = self._get_param("KmsKeyId")
        if key:
            made.ebs_snapshot.encrypted, made.ebs_snapshot.kms_key_id = True, key
        return told

    backend.copy_image, AmisResponse.copy_image = copied, asked


# --- databases -------------------------------------------------------------------------------------------------------


def _fill_databases() -> None:
    backend = databases.RDSBackend
    for noun in ("db_snapshot", "db_cluster_snapshot"):
        setattr(backend, f"copy_{noun}", _copied(getattr(backend, f"copy_{noun}"), noun))


_LENT = "keyturn-standin-lent"


def _copied(copy: Any, noun: str) -> Any:
    source_of, held = (
        f"source_{noun}_identifier",
        {"db_snapshot": "database_snapshots"}.get(noun, "cluster_snapshots"),
    )

    def copied(self: Any, **given: Any) -> Any:
        arn = str(given[source_of])
        parts = arn.split(":")
        if not arn.startswith("arn:") or parts[4] == self.account_id:
            return copy(self, **given)
        owner = databases.rds_backends[parts[4]][parts[3]]
        source = getattr(owner, held).get(parts[-1])
        if source is None or self.account_id not in source.attributes["restore"]:
            getattr(self, f"get_{noun}")("a snapshot that is shared with nobody here")
        if source.encrypted and not given.get("kms_key_id"):
            raise InvalidParameterCombination("a shared snapshot that is encrypted is copied with a key")
        own = getattr(self, held)
        own[_LENT] = source  # as if it were this account's, for the moment of it
        try:
            return copy(self, **{**given, source_of: _LENT})
        finally:
            del own[_LENT]

    return copied
