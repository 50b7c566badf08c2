"""The command line: a file for each group of commands, and the parts that they share.

`xprnn.__main__` is the entry point. `fit`, `forecast`, `machine`, `demo` and `explore` hold
the commands. Each file has a function ``add_commands``, which describes the commands to argparse
and registers the functions that run them. Such a function takes the options and returns the exit
status.
"""
