"""Who relies on what a change takes away: listings of an account (`tables`), read within a budget (`survey`), looked up by every name that
a resource has (`mentions`), walked from what goes (`walk`), with what tells of its use (`evidence`) and what would be left (`capacity`).
"""
