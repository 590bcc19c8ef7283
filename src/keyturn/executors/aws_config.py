"""Where the plane calls AWS, and as whom."""

from __future__ import annotations

import msgspec

from keyturn.executors.interface import NotSentError
from keyturn.model.execution import Role


class AwsConfig(msgspec.Struct, frozen=True):
    """Where and as whom. `endpoint_url` replaces every endpoint (a stand-in). Empty role ARNs use the base credentials as they are."""

    region: str
    account: str
    partition: str = "aws"
    endpoint_url: str = ""
    read_role: str = ""
    change_role: str = ""
    backup_role: str = ""
    vault_role: str = ""  # in the vault account; empty: there is none
    profile: str = ""
    access_key_id: str = ""  # base credentials given directly: for stand-ins
    secret_access_key: str = ""

    def arn_of(self, role: Role) -> str:
        """The role's ARN; empty: the base credentials as they are. Raises `NotSentError` for the vault's where there is none: what is meant
        for another account is never asked of this one.
        """
        if role in {Role.VAULT, Role.VAULT_READ}:
            if not self.vault_role:
                raise NotSentError(
                    "no-vault", "no vault account is configured", help="[vault] in keyturn.toml"
                )
            return self.vault_role
        return {
            Role.READ: self.read_role,
            Role.CHANGE: self.change_role,
            Role.BACKUP: self.backup_role,
        }[role]
