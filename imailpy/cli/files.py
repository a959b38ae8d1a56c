"""Reading the configuration file for a command."""

from __future__ import annotations

from typing import Any

import click

from imailpy.cli.door import EX_CONFIG, EX_NOPERM, Failed


def load_config(path: str | None) -> Any:
    """
    Read a configuration file.

    All its complaints go to stderr, and the command exits with 78.
    """
    from imailpy.config import ConfigError, load

    if path is None:
        raise click.UsageError("say --config FILE")
    try:
        return load(path)
    except ConfigError as error:
        raise Failed(str(error), EX_CONFIG) from None
    except PermissionError as error:
        raise Failed(f"{path}: {error.strerror}", EX_NOPERM) from None
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}", EX_CONFIG) from None
