"""Who sends a message to whom, and how it wants to be treated."""

from __future__ import annotations

from attrs import field, frozen

from imailpy.mail.path import Path


@frozen
class MailParameters:
    """
    What came with MAIL.

    Attributes:
        size_octets: SIZE as declared [RFC1870], None when it was not.
        body: `7BIT`, `8BITMIME` or `BINARYMIME` [RFC6152].
        smtputf8: The message may hold UTF-8 in header and envelope [RFC6531].
        ret: `FULL`, `HDRS` or None [RFC3461 4.3].
        envid: Envelope id, decoded from xtext [RFC3461 4.4].
        auth: The AUTH= identity, decoded; None when absent [RFC4954 5].
    """

    size_octets: int | None = None
    body: str = "7BIT"
    smtputf8: bool = False
    ret: str | None = None
    envid: str | None = None
    auth: str | None = None


@frozen
class Recipient:
    """
    One accepted RCPT.

    Attributes:
        forward_path: Where it goes.
        notify: Subset of NEVER, SUCCESS, FAILURE, DELAY; empty when NOTIFY
            was not given, which means FAILURE and DELAY [RFC3461 4.1].
        orcpt: Original recipient as `addr-type;address`, decoded
            [RFC3461 4.2].
    """

    forward_path: Path
    notify: frozenset[str] = frozenset()
    orcpt: str | None = None


@frozen
class Envelope:
    """A reverse-path, its parameters and the accepted recipients."""

    reverse_path: Path
    recipients: tuple[Recipient, ...] = ()
    parameters: MailParameters = field(factory=MailParameters)
