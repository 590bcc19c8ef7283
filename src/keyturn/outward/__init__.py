"""What happened, told to others: CloudEvents with OCSF payloads, to a file, standard output or a webhook, at least once."""
