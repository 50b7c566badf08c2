"""The command line: a file for each group of commands, and what the commands share.

`xprnn.__main__` is the entry point. `fit`, `forecast`, `machine`, `demo` and `explore` hold
the commands. Each has ``add_commands``, which describes them to argparse and names the functions
that run them; such a function takes the options and returns the exit status.
"""
