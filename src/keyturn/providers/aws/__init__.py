"""AWS: the wire, the catalogue, the rules, the recipes. Facts come in as answers; nothing here does I/O."""
