"""
LDAP messages to octets and back: all that knows ldaptor.

ldaptor's own client is not used: it has no limits and reaches for the global
reactor. It comes with the extra `ldap`, so nobody imports this but
`connection`, and that is imported with the first question.
"""

from __future__ import annotations

import warnings

from imailpy.realm.ldap.answers import Done, Entry

with warnings.catch_warnings():
    # It calls pyparsing by names of old.
    warnings.simplefilter("ignore")
    from ldaptor import ldapfilter
    from ldaptor.protocols import pureber, pureldap

_STARTTLS = b"1.3.6.1.4.1.1466.20037"

_DECODER = pureldap.LDAPBERDecoderContext_TopLevel(
    inherit=pureldap.LDAPBERDecoderContext_LDAPMessage(
        fallback=pureldap.LDAPBERDecoderContext(
            fallback=pureber.BERDecoderContext()
        ),
        inherit=pureldap.LDAPBERDecoderContext(
            fallback=pureber.BERDecoderContext()
        ),
    )
)


def bind(number: int, dn: str, password: bytes) -> bytes:
    """Spell a simple bind [RFC4511 4.2]."""
    return _message(number, pureldap.LDAPBindRequest(3, dn.encode(), password))


def start_tls(number: int) -> bytes:
    """Spell STARTTLS [RFC4511 4.14]."""
    return _message(number, pureldap.LDAPExtendedRequest(_STARTTLS))


def unbind(number: int) -> bytes:
    """Spell a farewell [RFC4511 4.3]."""
    return _message(number, pureldap.LDAPUnbindRequest())


def search(
    number: int,
    base: str,
    text: str,
    attributes: tuple[str, ...],
    most: int,
    timeout_s: int,
) -> bytes:
    """
    Spell a search of a whole subtree [RFC4511 4.5].

    Args:
        text: The filter, in the form of [RFC4515].
        most: Entries.

    Raises:
        ValueError: Not a filter.
    """
    return _message(
        number,
        pureldap.LDAPSearchRequest(
            baseObject=base.encode(),
            scope=pureldap.LDAP_SCOPE_wholeSubtree,
            derefAliases=pureldap.LDAP_DEREF_neverDerefAliases,
            sizeLimit=most,
            timeLimit=timeout_s,
            typesOnly=0,
            filter=read_filter(text),
            attributes=[name.encode() for name in attributes],
        ),
    )


def read_filter(text: str) -> object:
    """Read a filter; `ValueError` when it is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ldapfilter.parseFilter(text)
        except ldapfilter.InvalidLDAPFilter as error:
            raise ValueError(str(error)) from None


def _message(number: int, request: object) -> bytes:
    octets: bytes = pureldap.LDAPMessage(request, id=number).toWire()
    return octets


def frame_size(head: bytes, most: int) -> int | None:
    """
    Give the size of the message that begins with `head`.

    Returns:
        None while too little of it is there.

    Raises:
        ValueError: Not a message, or larger than `most`.
    """
    if head and head[0] != 0x30:
        raise ValueError("not an LDAP message")
    if len(head) < 2:
        return None
    first = head[1]
    if first < 0x80:
        return 2 + first
    count = first & 0x7F
    if not 1 <= count <= 4:
        raise ValueError("not an LDAP message")
    if len(head) < 2 + count:
        return None
    size = 2 + count + int.from_bytes(head[2 : 2 + count], "big")
    if size > most:
        raise ValueError(f"a message of {size} octets")
    return size


def read(frame: bytes) -> tuple[int, Entry | Done | None]:
    """
    Read one message.

    Returns:
        Its number, and what it says; None for what is of no interest here.

    Raises:
        ValueError: Not a message.
    """
    try:
        message, _ = pureber.berDecodeObject(_DECODER, frame)
        number, said = message.id, message.value
        if isinstance(said, pureldap.LDAPSearchResultEntry):
            return number, _entry(said)
        if isinstance(said, pureldap.LDAPResult):
            text = _text(said.errorMessage)
            return number, Done(said.resultCode, text)
        return number, None
    except Exception as error:
        # It trips over nonsense in many ways.
        raise ValueError("not an LDAP message") from error


def _entry(said: object) -> Entry:
    found: dict[str, tuple[bytes, ...]] = {}
    for name, values in said.attributes:  # type: ignore[attr-defined]
        found[_text(name).lower()] = tuple(values)
    return Entry(_text(said.objectName), found)  # type: ignore[attr-defined]


def _text(octets: bytes | str) -> str:
    if isinstance(octets, str):
        return octets
    return octets.decode(errors="replace")
