"""What is kept of decisions."""

from __future__ import annotations

from attrs import frozen

from imailpy.config import fields as f
from imailpy.config.fields import setting


@frozen
class History:
    """
    What was decided and why, for imailctl why and imailctl diff. No body,
    subject or password is ever in it.
    """

    days: float = setting(
        "So long it is kept; 0: there is no history.",
        30.0,
        check=f.within(0, 3660),
    )
    max_mb: int = setting(
        "So large (MiB) its file becomes; the oldest go first.",
        500,
        check=f.within(1, 10**6),
    )
