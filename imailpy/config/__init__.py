"""
The configuration file: settings as frozen values.

Each complaint names file, line and remedy, and all come at once.
"""

from imailpy.config.complaint import Complaint, ConfigError
from imailpy.config.files import load, parse
from imailpy.config.provider import Settings, exchange
from imailpy.config.sample import example
from imailpy.config.schema import Configuration

__all__ = [
    "Complaint",
    "ConfigError",
    "Configuration",
    "Settings",
    "example",
    "exchange",
    "load",
    "parse",
]
