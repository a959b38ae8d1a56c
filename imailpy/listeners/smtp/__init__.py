"""
SMTP, submission and LMTP on sockets.

`SmtpFactory` builds the connections of one listener; what a client says is
read by `imailpy.protocol.smtp`, whether it may is asked of the realm, and
its messages go to an `IReceiver`.
"""

from imailpy.listeners.smtp.factory import SmtpFactory
from imailpy.listeners.smtp.settings import SmtpSettings

__all__ = ["SmtpFactory", "SmtpSettings"]
