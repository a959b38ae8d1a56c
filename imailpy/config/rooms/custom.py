"""What is told about the policy in Python."""

from __future__ import annotations

from imailpy.config.schema import Configuration
from imailpy.realm.custom.settings import CustomPolicy


def custom(configuration: Configuration) -> CustomPolicy:
    """What is told about the policy in Python."""
    told = configuration.policy
    return CustomPolicy(
        file=told.file,
        tests=told.tests,
        disabled=told.disabled,
        test_limit_s=float(told.test_seconds),
        slow_s=told.slow_ms / 1000,
        stuck_s=told.stuck_ms / 1000,
    )
