"""Tell twistd that imailpy is here."""

from twisted.application.service import ServiceMaker

imailpy = ServiceMaker(
    "imailpy",
    "imailpy.tap",
    "A complete mail server: SMTP, submission, queue, IMAP, POP3.",
    "imailpy",
)
