"""Keeps the scripts for foreign interpreters out of collection: what they import lives in environments of their own."""

collect_ignore_glob = ["clients/*"]
