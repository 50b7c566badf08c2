"""These are scripts: tests/files/test_serialization.py and others run a short form of them."""

collect_ignore_glob = ["*.py"]
