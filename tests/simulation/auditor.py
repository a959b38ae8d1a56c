"""
The auditor: hears every reply and every reading, and compares.

    acknowledged   delivery id (the server tells it behind 250) -> message
    stored         each copy carries the delivery id in our Received field

So "acknowledged once is stored once" is looked at by delivery id: a sender
that lost the 250 sends again and may have a second copy under another id.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from attrs import define, field

_NAME = re.compile(rb"^X-Simulated: (\S+)\r$", re.MULTILINE)
_OWN_ID = re.compile(rb"^Message-I[Dd]: <(\S+)>\r$", re.MULTILINE)
_REPORTED = re.compile(
    rb"^Final-Recipient: rfc822; ?(\S+)\r\n(?:.+\r\n)*?Action: (\S+)\r$",
    re.MULTILINE,
)
_ID = re.compile(rb"^\s+(?:.* )?id ([a-z0-9.]+)", re.MULTILINE)


def text_of(
    name: str, size_octets: int, author: str = "sender@away.test"
) -> bytes:
    """A message that can be known again by its header and its hash."""
    line = hashlib.sha256(name.encode()).hexdigest().encode() + b"\r\n"
    head = (
        f"From: <{author}>\r\nTo: <x@{name}.test>\r\n"
        "Date: Tue, 24 Nov 2026 12:00:00 +0000\r\n"
        f"Message-ID: <{name}@away.test>\r\nX-Simulated: {name}\r\n\r\n"
    ).encode()
    return head + line * (size_octets // len(line) + 1)


def delivery_id(octets: bytes) -> str:
    """What our Received field calls it; empty without one."""
    found = _ID.search(octets)
    return found.group(1).decode() if found else ""


def name_of(octets: bytes) -> str:
    """What its sender called it."""
    found = _NAME.search(octets)
    return found.group(1).decode() if found else ""


def is_report(octets: bytes) -> bool:
    """Whether it is a report, not a message of a sender."""
    return b"report-type=delivery-status" in octets[:2000]


def digest(octets: bytes) -> str:
    """Of what the sender wrote: from its own first field on."""
    start = octets.find(b"From: <")
    return hashlib.sha256(octets[start:]).hexdigest()


@define(eq=False)
class Auditor:
    """
    What was promised, and what was seen.

    Attributes:
        sent: Name -> digest.
        promised: Delivery id -> (name, recipients).
        copies: (user, mailbox, UIDVALIDITY, UID) -> (delivery id, digest).
        maybe_gone: Those of which the EXPUNGE was asked for.
        gone: Those of which it was acknowledged.
        failed: (delivery id, recipient) -> reports of its failure.
        deferred: Code of a temporary refusal -> how often it was heard.
        problems: What was not kept of what was promised.
    """

    sent: dict[str, str] = field(factory=dict)
    promised: dict[str, tuple[str, tuple[str, ...]]] = field(factory=dict)
    copies: dict[tuple[str, str, int], tuple[str, str]] = field(factory=dict)
    maybe_gone: set[tuple[str, str, int]] = field(factory=set)
    gone: set[tuple[str, str, int]] = field(factory=set)
    failed: Counter[tuple[str, str]] = field(factory=Counter)
    deferred: Counter[int] = field(factory=Counter)
    validity: dict[tuple[str, str], int] = field(factory=dict)
    uid_next: dict[tuple[str, str], int] = field(factory=dict)
    last: dict[str, list[tuple[int, bytes]]] = field(factory=dict)
    problems: list[str] = field(factory=list)
    readings: int = 0

    # What clients tell

    def sending(
        self, name: str, octets: bytes, recipients: Sequence[str]
    ) -> None:
        """A message will be sent."""
        self.sent[name] = digest(octets)

    def answered(
        self, name: str, asked: Sequence[str], sent: Any
    ) -> list[str]:
        """Note what the server said; gives who has to be asked again."""
        again = set(asked)
        taken = []
        for recipient, reply in sent.results:
            address = str(recipient.forward_path)
            if reply.positive:
                taken.append(address)
                again.discard(address)
            elif reply.temporary:
                self.deferred[reply.code] += 1
            else:
                self.problems.append(f"{name}: {address}: refused: {reply}")
                again.discard(address)
        if taken:
            texts = {
                str(reply.text) for _, reply in sent.results if reply.positive
            }
            text = texts.pop()
            found = re.search(r"OK (\S+)", text)
            if found is None:
                self.problems.append(f"{name}: 250 without an id: {text}")
            else:
                self._promise(found.group(1), name, taken)
        return [address for address in asked if address in again]

    def _promise(self, delivery: str, name: str, taken: list[str]) -> None:
        if delivery in self.promised:
            self.problems.append(f"{delivery}: promised twice")
        self.promised[delivery] = (name, tuple(taken))

    def removing(self, user: str, mailbox: str, uids: Sequence[int]) -> None:
        """An EXPUNGE is asked for."""
        self.maybe_gone.update((user, mailbox, uid) for uid in uids)

    def removed(self, user: str, mailbox: str, uids: Sequence[int]) -> None:
        """It was acknowledged."""
        self.gone.update((user, mailbox, uid) for uid in uids)

    def read(
        self,
        user: str,
        mailbox: str,
        validity: int,
        uid_next: int,
        messages: Sequence[tuple[int, bytes]],
    ) -> None:
        """A mailbox was read to its end."""
        self.readings += 1
        where = (user, mailbox)
        if self.validity.setdefault(where, validity) != validity:
            self.problems.append(f"{where}: UIDVALIDITY changed")
        if uid_next < self.uid_next.get(where, 0):
            self.problems.append(f"{where}: UIDNEXT went back")
        before = self.uid_next.get(where, 0)
        self.uid_next[where] = uid_next
        uids = [uid for uid, _ in messages]
        if uids != sorted(set(uids)):
            self.problems.append(f"{where}: UIDs do not grow: {uids}")
        for uid, octets in messages:
            self._copy((user, mailbox, uid), octets, before)
        self._missing(where, set(uids))
        if mailbox == "INBOX":
            self.last[user] = list(messages)

    def _copy(
        self, key: tuple[str, str, int], octets: bytes, before: int
    ) -> None:
        delivery = delivery_id(octets)
        if is_report(octets):
            own = _OWN_ID.search(octets)
            delivery = own.group(1).decode() if own else "nameless"
        seen = (delivery, digest(octets))
        if key in self.gone:
            self.problems.append(f"{key}: came back after EXPUNGE")
        known = self.copies.get(key)
        if known is not None and known != seen:
            self.problems.append(f"{key}: is another message")
        elif known is None:
            if key[2] < before:
                self.problems.append(f"{key}: a new message under an old UID")
            self.copies[key] = seen
            self._octets(key, octets)

    def _octets(self, key: tuple[str, str, int], octets: bytes) -> None:
        if is_report(octets):
            self._report(octets)
        elif digest(octets) != self.sent.get(name_of(octets)):
            self.problems.append(f"{key}: other octets than were sent")

    def _report(self, octets: bytes) -> None:
        """Which recipients of which delivery it says have failed."""
        for address, action in _REPORTED.findall(octets):
            if action == b"failed":
                # Its own fields have no delivery id: it was made here.
                key = (delivery_id(octets), address.decode())
                self.failed[key] += 1

    def _missing(self, where: tuple[str, str], here: set[int]) -> None:
        """What was once there stays there."""
        for key in self.copies:
            if (
                key[:2] == where
                and key[2] not in here
                and key not in self.maybe_gone
            ):
                self.problems.append(f"{key}: was there and is gone")

    # The account

    def close(self, users: Sequence[str], complaints: Sequence[str]) -> None:
        """Compare; every mailbox has been read just before."""
        self.problems += [f"audit: {complaint}" for complaint in complaints]
        stored: Counter[tuple[str, str]] = Counter()
        for (user, _, _), (delivery, _) in self.copies.items():
            stored[user, delivery] += 1
        for (user, delivery), count in stored.items():
            if count > 1:
                self.problems.append(
                    f"{delivery} for {user}: stored {count} times"
                )
        unseen = {key[0] for key in self.maybe_gone if key not in self.copies}
        for delivery, (name, recipients) in self.promised.items():
            for user in recipients:
                if user not in users or stored[user, delivery]:
                    continue
                if user not in unseen:
                    self.problems.append(
                        f"{name} ({delivery}) for {user}: lost"
                    )
