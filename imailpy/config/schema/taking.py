"""Which mail is taken."""

from __future__ import annotations

from attrs import frozen

from imailpy.config import fields as f
from imailpy.config.fields import setting
from imailpy.config.schema.choices import (
    BareLineEnds,
)
from imailpy.policy.settings import OverQuota


@frozen
class Smtp:
    """Taking mail: smtp, submission and lmtp listeners."""

    max_recipients: int = setting(
        "Recipients of one message; the next gets 452.",
        1000,
        check=f.within(100, 100_000),
    )
    max_message_mb: int = setting(
        "Largest message (MiB).", 50, check=f.within(1, 1024)
    )
    failures: int = setting(
        "Failed logins on one connection before it is closed.",
        5,
        check=f.within(1, 100),
    )
    max_errors: int = setting(
        "Mistakes on one connection before it is closed.",
        20,
        check=f.within(1, 10**6),
    )
    max_junk_commands: int = setting(
        "Commands without a message (NOOP, RSET, VRFY ...) before the "
        "connection is closed.",
        100,
        check=f.within(10, 10**6),
    )
    least_rate: int = setting(
        "Octets a second that a message must have in the mean; a slower one "
        "gets 421. 0: any.",
        500,
        check=f.within(0, 10**6),
    )
    grace_s: float = setting(
        "So long it may be slower.", 60.0, check=f.within(1, 3600)
    )
    bare_line_ends: BareLineEnds = setting(
        "What becomes of a message with a bare CR or LF: reject, normalize, "
        "or auto (normalize what users send, reject the rest). They never "
        "end a message.",
        BareLineEnds.AUTO,
    )
    refuse_early_talk: bool = setting(
        "Send away clients that speak before they were greeted.", False
    )
    max_hops: int = setting(
        "Received fields from which a message counts as looping.",
        50,
        check=f.within(10, 1000),
    )
    recipient_delay_ms: int = setting(
        "The answer to each recipient of a client that has not signed in "
        "comes so much later; 0: at once.",
        0,
        check=f.within(0, 60_000),
    )
    vrfy_allowed: tuple[str, ...] = setting(
        "Clients that VRFY tells whether an address exists; all others hear "
        "252.",
        (),
        each=f.network,
        example=("192.0.2.10",),
    )
    expn_allowed: tuple[str, ...] = setting(
        "Clients that EXPN tells where an alias leads; all others hear 502.",
        (),
        each=f.network,
        example=("192.0.2.10",),
    )
    xclient: tuple[str, ...] = setting(
        "Servers before this one whose XCLIENT tells who the client is.",
        (),
        each=f.network,
        example=("10.0.0.5",),
    )
    xclient_login: bool = setting(
        "Whether their word counts for who has signed in, too.", False
    )


@frozen
class Submission:
    """What users must keep to when they send."""

    own_reverse_path: bool = setting(
        "MAIL FROM must be an address of theirs.", True
    )
    null_reverse_path: bool = setting(
        "MAIL FROM:<> is fine for them, too: read receipts have it.", True
    )
    own_author: bool = setting(
        "From and Sender of the message must be addresses of theirs.", True
    )
    check_domains: bool = setting(
        "Refuse recipients whose domain does not exist while they are at "
        "hand. Asks DNS; without effect where all goes to a smart host.",
        True,
    )


@frozen
class Recipients:
    """Local recipients."""

    box_delimiters: str = setting(
        "What parts user and mailbox: user+box@example.com. An existing user "
        "or alias of the whole name wins.",
        "+-",
        check=f.delimiters,
    )
    over_quota: OverQuota = setting(
        "defer: 452, the sender tries again; reject: 552.", OverQuota.DEFER
    )
