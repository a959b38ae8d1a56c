"""imailpy: a complete mail server that explains its decisions."""

__version__ = "0.1.0"
