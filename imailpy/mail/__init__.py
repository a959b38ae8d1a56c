"""
The words: values that every room knows.

Nothing here acts; each class says one thing that mail people say.
"""

from imailpy.mail.ban import Ban
from imailpy.mail.credentials import (
    CertificateCredentials,
    ClientCertificate,
    Credentials,
    PasswordCredentials,
    ProvenCredentials,
    ScramSecret,
    Secret,
    TokenCredentials,
)
from imailpy.mail.decision import ACCEPTED, Decision, Mark, Verdict
from imailpy.mail.envelope import Envelope, MailParameters, Recipient
from imailpy.mail.facts import Client
from imailpy.mail.flags import SystemFlag
from imailpy.mail.path import NULL_PATH, Path
from imailpy.mail.reply import Reply
from imailpy.mail.signs import Sign
from imailpy.mail.uidset import UidSet

__all__ = [
    "ACCEPTED",
    "NULL_PATH",
    "Ban",
    "CertificateCredentials",
    "Client",
    "ClientCertificate",
    "Credentials",
    "Decision",
    "Envelope",
    "MailParameters",
    "Mark",
    "PasswordCredentials",
    "Path",
    "ProvenCredentials",
    "Recipient",
    "Reply",
    "ScramSecret",
    "Secret",
    "Sign",
    "SystemFlag",
    "TokenCredentials",
    "UidSet",
    "Verdict",
]
