"""``keyturn tui``: the inbox and the cases in a terminal, with the keys of the page. It speaks to the same API as every other command."""
