"""Deterministic simulation: whole histories of the plane from a seed, and an independent checker over what they leave.

The runtime that runs here is the one that ships; what is simulated is what lies outside it: time, the disk, the account,
policy, and people. Each seed is another world: with or without conditional writes, with drift and drift back, lost answers,
crashes at any write, halts, and reviewers who forge, come late, approve their own agent or change their minds.

``python -m keyturn.testing.simulation --seed 37`` tells one history; ``--count 2000`` runs many and says how fast.
"""

from __future__ import annotations

from keyturn.testing.simulation.checker import check
from keyturn.testing.simulation.history import History, play

__all__ = ["History", "check", "play"]
