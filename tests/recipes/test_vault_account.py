"""Backups go to the vault account, are read there before the call leaves, and give back what the account and the database have lost."""

from __future__ import annotations

from typing import Final

import pytest

from tests.recipes.cut_world import Cut
from tests.recipes.subjects import Subject
from tests.recipes.vault_subjects import COPIED, EXPORTED
from tests.recipes.vault_world import told_far

SEED: Final = 1


@pytest.mark.parametrize("subject", (*COPIED, *EXPORTED), ids=lambda subject: subject.make.__name__)
def test_what_the_account_has_lost_comes_back_from_the_vault_account(subject: Subject) -> None:
    """The plane's own snapshots are deleted by somebody with every right, and what is sealed in the database too."""
    found, _ = told_far(subject, SEED, Cut())
    assert {field: what for field, what in found.different.items() if field != "groups"} == {}, found.story
