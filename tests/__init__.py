"""The tests: a mirror of `imailpy`."""
