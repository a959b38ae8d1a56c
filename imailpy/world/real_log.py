"""A log file of this machine, for the user that the server becomes."""

from __future__ import annotations

import os
import signal
from typing import Any

from twisted.python.logfile import LogFile


def open_log(
    reactor: Any, path: str, user: int | None, group: int | None
) -> LogFile:
    """
    Open a log file for appending; SIGUSR1 rotates it, as with twistd's own.

    Args:
        user: Whom it shall belong to; None: to whoever we are now. Only
            root can give it away.
        group: Likewise.
    """
    made: LogFile = LogFile.fromFullPath(path, defaultMode=0o600)
    if user is not None:
        os.chown(made.path, user, -1 if group is None else group)

    def rotate(*_: object) -> None:
        reactor.callFromThread(made.rotate)

    signal.signal(signal.SIGUSR1, rotate)
    return made
