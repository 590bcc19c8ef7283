"""Values: what everything else speaks in. Standard library and msgspec only; frozen; no behaviour that needs the world."""
