"""Every way an AWS request says who made it, read in exactly one way or refused by name. `front` is the door; it does no I/O."""
