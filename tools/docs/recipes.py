"""The page of recipes: what is known of each kind, and what can be given back of it."""

from __future__ import annotations

from keyturn.providers.aws.recipes import all_recipes
from keyturn.providers.aws.recipes.base import Recipe
from keyturn.providers.aws.recipes.declared import Declared
from keyturn.providers.aws.recipes.reborn import Reborn
from keyturn.providers.aws.vault_account.copiers import CANNOT, COPIERS
from tools.docs.source import cell, generated, table


def recipes() -> str:
    """Every kind of resource with live facts, and what can be given back of it."""
    rows = [
        (
            f"`{recipe.kind}`",
            recipe.title,
            "if small (export)" if recipe.exports else _yes(recipe.backs_up),
            _yes(recipe.restores),
            _yes(recipe.drills),
            ", ".join(f"`{name.partition(':')[2]}`" for name in sorted(recipe.updates)),
            cell("; ".join(recipe.loss)),
            cell(recipe.proved_on),
        )
        for recipe in sorted(all_recipes(), key=lambda recipe: recipe.kind)
    ]
    head = (
        "kind",
        "",
        "backed up",
        "restored",
        "drilled under another name",
        "changed in place by",
        "what would not come back",
        "proved on",
    )
    parts = [
        (
            "A recipe knows how one kind of resource is captured as a value, backed up, given back and changed in place. From it "
            "come the state an approval is bound to, before and after, backup and undo, the narrow patch, and what reviewers "
            "are told beforehand. A kind that is not here has no live facts: what is not known about it is said, and in "
            "production it is held.\n"
        ),
        table(head, rows),
        "## What is read, and which call sets what\n",
        (
            "The fields of a capture are what its fingerprint covers: an approval is void once one of them is otherwise. Values of those that are "
            "*sealed* are shown to nobody. An *advised* kind has a narrow patch; a call that no table speaks of is in its recipe's own code.\n"
        ),
        table(
            (
                "kind",
                "fields",
                "sealed",
                "holds data",
                "which call sets what",
                "advised",
                "the service's own undo",
            ),
            [_read_and_set(recipe) for recipe in sorted(all_recipes(), key=lambda recipe: recipe.kind)],
        ),
        (
            "Where policy obliges a backup (a delete or a replace in production) and the kind has none, the call does not leave, "
            "approved or not.\n"
        ),
    ]
    parts += _far()
    return generated("Recipes", "src/keyturn/providers/aws/recipes", "\n".join(parts))


def _far() -> list[str]:
    """Which kinds have copies in the vault account, and why others have none."""
    return [
        "## Copies in another account\n",
        (
            "Where a vault account is configured, copies of backups go there before the call leaves ([how](../guides/backups.md#in-another-account)). "
            "What the plane seals itself, and what is put back in place from its capture, goes as it is sealed; what a service has "
            "copied goes by the service:\n"
        ),
        table(
            ("kind", "goes there", "why not"),
            [
                *(
                    (f"`{kind}`", f"`{how.copy.partition(':')[2]}`", "")
                    for kind, how in sorted(COPIERS.items())
                ),
                *((f"`{kind}`", "no", cell(why)) for kind, why in sorted(CANNOT.items())),
            ],
        ),
    ]


def _read_and_set(recipe: Recipe) -> tuple[str, ...]:
    """One row of what is captured, and of the map from properties to the calls that set them."""
    changes = recipe.changes if isinstance(recipe, Declared) else ()
    sets = [
        f"`{change.operation.partition(':')[2]}`: {', '.join(dict.fromkeys([*change.sets.values(), *change.to]))}"
        for change in changes
        if change.sets or change.to
    ]
    in_bin = isinstance(recipe, Reborn) and recipe.bin is not None
    window = (
        "for a while"
        if type(recipe).window is not Recipe.window
        else "Recycle Bin, where a rule keeps it"
        if in_bin
        else ""
    )
    return (
        f"`{recipe.kind}`",
        cell(", ".join(recipe.fields)),
        cell(", ".join(recipe.secret_fields)),
        _yes(recipe.data_bearing),
        cell("; ".join(sets) or ", ".join(f"`{name}`" for name in recipe.in_place)),
        _yes(type(recipe).narrow is not Recipe.narrow),
        window,
    )


def _yes(can: bool) -> str:
    return "yes" if can else "no"
