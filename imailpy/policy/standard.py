"""
The built-in checks of all stages, in their order.

It is the order of REALM.md 4, mapped to the stages of a session; a place
whose checks are still to come is there already, so that nothing has to be
moved for them. The numbers are those of that list.

    connect   1 access, limits                            at the greeting
    hello     2 hello                                     at HELO/EHLO
    mail      3 kill and white list, sender ownership,
              4 spoofed local senders                     at MAIL
    rcpt      4 relay, existence, 5 block lists,
              6 verification, 7 SPF, 8 quota              at each RCPT
    message   submission rules, 9 DKIM DMARC ARC,
              10 scanners, 11 content, threshold          at end of data
    data      quota of the real size, per recipient       at end of data
"""

from __future__ import annotations

from imailpy.policy import (
    access,
    connect,
    content,
    hello,
    mail,
    rcpt,
    relay,
    sending,
    spoof,
)
from imailpy.policy.pipeline import Check, Pipeline, Place, Row
from imailpy.policy.settings import LocalSender

STANDARD = Pipeline(
    connect=Row(
        "connect",
        (
            Place(
                1,
                "access",
                (
                    Check(
                        "connect.access",
                        access.access,
                        "access.service",
                        lambda settings: bool(settings.access.lists),
                    ),
                ),
            ),
            Place(
                1,
                "bans",
                (Check("connect.banned", access.banned, "bans.enabled"),),
            ),
            Place(
                1,
                "limits",
                (
                    Check(
                        "connect.total",
                        connect.total,
                        "limits.total",
                        lambda settings: settings.limits.total > 0,
                    ),
                    Check(
                        "connect.per_address",
                        connect.per_address,
                        "limits.per_address",
                        lambda settings: settings.limits.per_address > 0,
                    ),
                    Check(
                        "connect.per_network",
                        connect.per_network,
                        "limits.per_network",
                        lambda settings: settings.limits.per_network > 0,
                    ),
                    Check(
                        "connect.address_rate",
                        connect.address_rate,
                        "limits.address_rate",
                        lambda settings: settings.limits.address_rate > 0,
                    ),
                    Check(
                        "connect.network_rate",
                        connect.network_rate,
                        "limits.network_rate",
                        lambda settings: settings.limits.network_rate > 0,
                    ),
                ),
            ),
        ),
    ),
    hello=Row(
        "hello",
        (
            Place(
                2,
                "hello",
                (
                    Check(
                        "hello.syntax",
                        hello.syntax,
                        "hello.check_syntax",
                        lambda settings: settings.hello.check_syntax,
                    ),
                ),
            ),
        ),
    ),
    mail=Row(
        "mail",
        (
            Place(2, "greeting", (Check("hello.missing", mail.no_hello),)),
            Place(
                0,
                "limits",
                (
                    Check(
                        "mail.rate",
                        mail.rate,
                        "limits.message_rate",
                        lambda settings: settings.limits.message_rate > 0,
                    ),
                ),
            ),
            Place(3, "kill-list"),
            Place(3, "white-list"),
            Place(
                0,
                "submission",
                (
                    Check("submission.login_required", mail.login_required),
                    Check(
                        "submission.sender_not_owned",
                        mail.sender_owned,
                        "submission.own_reverse_path",
                        lambda settings: (
                            settings.submission.own_reverse_path
                            or not settings.submission.null_reverse_path
                        ),
                    ),
                ),
            ),
            Place(
                4,
                "spoof",
                (
                    Check(
                        "spoof.local_sender",
                        spoof.local_sender,
                        "spoof.local_sender",
                        lambda settings: (
                            settings.spoof.local_sender is not LocalSender.OFF
                        ),
                    ),
                ),
            ),
            Place(
                0,
                "sending-limits",
                (
                    Check(
                        "submission.message_limits",
                        sending.messages,
                        "sending.messages_a_day",
                    ),
                ),
            ),
        ),
    ),
    rcpt=Row(
        "rcpt",
        (
            Place(4, "relay", (Check("relay", relay.relay, "relay.policy"),)),
            Place(
                0,
                "submission",
                (
                    Check(
                        "submission.sender_domain",
                        rcpt.sender_domain,
                        "submission.check_domains",
                    ),
                    Check(
                        "submission.recipient_domain",
                        rcpt.recipient_domain,
                        "submission.check_domains",
                    ),
                ),
            ),
            Place(
                0,
                "harvesting",
                (
                    Check(
                        "recipient.harvest",
                        rcpt.harvest,
                        "harvest.most",
                        lambda settings: settings.harvest.most > 0,
                    ),
                ),
            ),
            Place(4, "existence", (Check("recipient.unknown", rcpt.exists),)),
            Place(5, "block-lists"),
            Place(6, "verification"),
            Place(7, "spf"),
            Place(
                8,
                "quota",
                (
                    Check(
                        "recipient.quota", rcpt.quota, "recipients.over_quota"
                    ),
                ),
            ),
            Place(
                0,
                "sending-limits",
                (
                    Check(
                        "submission.recipient_limits",
                        sending.recipients,
                        "sending.recipients_a_day",
                    ),
                ),
            ),
        ),
    ),
    message=Row(
        "message",
        (
            Place(
                0,
                "submission",
                (
                    Check(
                        "submission.authorship",
                        content.authorship,
                        "submission.own_author",
                        lambda settings: settings.submission.own_author,
                    ),
                ),
            ),
            Place(9, "dkim-dmarc-arc"),
            Place(10, "scanners"),
            Place(11, "content"),
            Place(11, "threshold"),
        ),
    ),
    data=Row(
        "data",
        (
            Place(
                8,
                "quota",
                (
                    Check(
                        "recipient.quota",
                        content.quota,
                        "recipients.over_quota",
                    ),
                ),
            ),
        ),
    ),
)
