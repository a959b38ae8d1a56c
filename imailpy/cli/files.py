"""Reading the configuration file for a command."""

from __future__ import annotations

import os
from typing import Any

import click

from imailpy.cli.door import EX_CONFIG, EX_NOPERM, Failed


def load_config(path: str | None, *, whole: bool = False) -> Any:
    """
    Read a configuration file.

    All its complaints go to stderr, and the command exits with 78.

    Args:
        whole: Look at the certificates and keys, too, as the server will
            that belongs to the user of the data directory.
    """
    from imailpy.config import ConfigError, load
    from imailpy.world.real_disk import RealDisk

    if path is None:
        raise click.UsageError("say --config FILE")
    try:
        told = load(path, look=False)
        if whole:
            told = load(path, RealDisk(_user(told.storage.directory)))
        return told
    except ConfigError as error:
        raise Failed(str(error), EX_CONFIG) from None
    except PermissionError as error:
        raise Failed(f"{path}: {error.strerror}", EX_NOPERM) from None
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}", EX_CONFIG) from None


def _user(directory: str) -> int | None:
    """As whom the server runs, if that can be known."""
    try:
        return os.stat(directory).st_uid
    except OSError:
        return None
