"""Rules as rows, one file for services that belong together; importing them puts the rows into the registry."""

from __future__ import annotations

from keyturn.providers.aws.rules.tables import (
    apps,
    delivery,
    ec2,
    keeping,
    network,
    people,
    rds,
    scaling,
    security,
    stores,
    streams,
    tail_f_o,
    tail_p_z,
    used,
    watching,
    wiring,
)

every = (
    apps,
    delivery,
    ec2,
    keeping,
    network,
    people,
    rds,
    scaling,
    security,
    stores,
    streams,
    tail_f_o,
    tail_p_z,
    used,
    watching,
    wiring,
)
