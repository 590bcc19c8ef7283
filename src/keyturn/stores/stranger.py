"""What stands in every bundle for a reader who has only the bundle."""

from __future__ import annotations

from typing import Final

README: Final = """\
# What this is

Evidence from a Keyturn installation. Keyturn stands between AI agents and an AWS account: it holds the credentials, and every call
that changes something becomes a *case*, which is assessed, decided by policy, where policy says so approved by people who do not
run the agent, executed at most once, and written down. This file holds those records, all of them or those of some cases
(`selection.json` says which), with what it takes to check that they are what was written.

# How to check it

    pip install keyturn
    keyturn verify THIS.zip --key HEX

It needs no network and nothing of the installation's. Get the public key (`HEX`) from somebody other than who gave you this file:
without `--key` the key in `about.json` is taken, and then this file is only consistent with itself. Exit code 0: every check passed;
3: one did not; 1: this is no bundle.

# How to check it without Keyturn

- `log.jsonl`: one entry a line. `hash` is the hexadecimal SHA-256 of the 32 bytes of `prev` followed by `body`, byte for byte as it stands
  in the line. In a whole log `prev` is the `hash` of the line before, and of the first entry 64 zeros. `body` holds the event; the
  names of events never change.
- `checkpoints.jsonl`: `note` is a C2SP signed note (https://c2sp.org/signed-note) over a C2SP checkpoint (https://c2sp.org/tlog-checkpoint):
  name of the log, number of entries, base64 of the root of the Merkle tree of RFC 6962, section 2.1, whose leaves are the entries' hashes as
  32 bytes. Signed with Ed25519 by the key in `about.json`.
- `inclusion.jsonl`, of a part of the log: for each entry its audit path (RFC 6962, section 2.1.1) under the last checkpoint.
  `consistency.jsonl`: that each checkpoint's tree begins with the one before (section 2.1.2).
- `selection.json`: what the installation says is in here: `note` signs the SHA-256 of `selection` as JSON with sorted keys. Of a part of the
  log it says how many entries each case has. Merkle proofs show that an entry is in the log; that none of a case was left
  out, only this statement shows.
- `policies/`: each file is named by its SHA-256, which is the `policy_digest` of the decisions made by it.

# What it does not show

That the records are true when they were written; that there is no second log under the same key (compare checkpoints that you have kept);
that nothing was done around Keyturn (compare with the account's own trail: `keyturn reconcile`).
"""
