"""A rehearsal: an agent's command works against copies of what it touches, in a stand-in account, and what it did becomes one plan.

The twin is moto on loopback with a gateway of ours in front; what is asked of it is identified and assessed as live. Nothing here
changes anything live: what is read there is read under the read-only role, and decided by policy as the agent's own reads are.
"""
