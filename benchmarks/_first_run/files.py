"""A plug-in for pytest: says of each file when its last test has passed.

With pytest-xdist it is the process that collects the reports which says it.
"""

import collections

import pytest


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    """Count where reports arrive: not in a worker."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Files(config), "xprnn-first-run-files")


class Files:
    """The tests that are left in each file."""

    def __init__(self, config):
        self.config, self.left = config, {}
        self.failed = collections.Counter()

    def collected(self, names):
        """Note what is to be run."""
        for name in names:
            self.left.setdefault(name.partition("::")[0], set()).add(name)

    def pytest_collection_finish(self, session):
        """Without workers."""
        self.collected(item.nodeid for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node, ids):
        """With workers, all of which collect the same."""
        if not self.left:
            self.collected(ids)

    def pytest_runtest_logreport(self, report):
        """Say it after the last report of a file."""
        file = report.nodeid.partition("::")[0]
        self.failed[file] += report.failed
        left = self.left.get(file, set())
        if report.when != "teardown" or report.nodeid not in left:
            return
        left.remove(report.nodeid)
        if not left:
            failed = self.failed[file]
            said = f"file failed: {file}, {failed} times" if failed else f"file passed: {file}"
            terminal = self.config.pluginmanager.get_plugin("terminalreporter")
            terminal.write_line(f"\n{said}")  # on a line of its own, after the dots
