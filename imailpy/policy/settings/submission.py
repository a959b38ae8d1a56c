"""What a site's own users must keep to."""

from __future__ import annotations

from attrs import frozen


@frozen
class SubmissionRules:
    """
    What those who sign in to send must keep to [RFC6409].

    Attributes:
        own_reverse_path: MAIL FROM must be theirs.
        null_reverse_path: They may send `MAIL FROM:<>` (read receipts).
        own_author: From and Sender of the header section must be theirs.
        check_domains: Refuse recipient domains that do not exist; needs
            DNS, so it is off where all goes to a smart host.
    """

    own_reverse_path: bool = True
    null_reverse_path: bool = True
    own_author: bool = True
    check_domains: bool = True
