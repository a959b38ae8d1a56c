"""
Write the commands of a client [RFC5321 4.1.1].

Every address passes `sendable` on its way out: what would not be read back
as the same address could be read as another command [SECURITY B5.5].
"""

from __future__ import annotations

from imailpy.mail import Envelope, MailParameters, Path, Recipient
from imailpy.protocol.smtp.xtext import encode_utf8_address, encode_xtext


def sendable(path: Path) -> bool:
    """Whether an address can be written so that it is read as itself."""
    if path.is_null or path == Path("postmaster", ""):
        return True
    try:
        return Path.parse(str(path)) == path
    except ValueError:
        return False


def check_envelope(envelope: Envelope) -> None:
    """
    See that nothing in an envelope could pass for something else.

    Called by `ClientSession.begin`; call it before connecting, too.

    Raises:
        ValueError: An address or parameter may not go out.
    """
    if not sendable(envelope.reverse_path):
        raise ValueError(f"unsafe reverse-path {envelope.reverse_path!r}")
    mail(envelope.reverse_path, envelope.parameters, 0, frozenset(_ALL))
    if not envelope.recipients:
        raise ValueError("nobody to send to")
    for recipient in envelope.recipients:
        path = recipient.forward_path
        if path.is_null or not sendable(path):
            raise ValueError(f"unsafe forward-path {path!r}")
        rcpt(recipient, frozenset(_ALL), smtputf8=False)


_ALL = ("SIZE", "8BITMIME", "BINARYMIME", "SMTPUTF8", "DSN")
_RET = (None, "FULL", "HDRS")
_NOTIFY = ("NEVER", "SUCCESS", "FAILURE", "DELAY")


def needs_smtputf8(envelope: Envelope) -> bool:
    """Whether only SMTPUTF8 can carry it [RFC6531 3.2]."""
    return (
        envelope.parameters.smtputf8
        or envelope.reverse_path.needs_smtputf8
        or any(
            recipient.forward_path.needs_smtputf8
            for recipient in envelope.recipients
        )
    )


def mail(
    reverse_path: Path,
    parameters: MailParameters,
    size_octets: int,
    extensions: frozenset[str],
    smtputf8: bool = False,
) -> bytes:
    """
    Write MAIL with the parameters that the server knows.

    Raises:
        ValueError: ENVID or RET cannot be written.
    """
    words = [f"MAIL FROM:<{reverse_path}>"]
    if "SIZE" in extensions:
        words.append(f"SIZE={size_octets}")
    if parameters.body == "8BITMIME" and "8BITMIME" in extensions:
        words.append("BODY=8BITMIME")
    if parameters.body == "BINARYMIME" and "BINARYMIME" in extensions:
        words.append("BODY=BINARYMIME")
    if smtputf8:
        words.append("SMTPUTF8")
    if parameters.ret not in _RET:
        raise ValueError(f"no such RET: {parameters.ret!r}")
    if "DSN" in extensions:
        if parameters.ret is not None:
            words.append(f"RET={parameters.ret}")
        if parameters.envid is not None:
            words.append(f"ENVID={encode_xtext(parameters.envid)}")
    return f"{' '.join(words)}\r\n".encode()


def rcpt(
    recipient: Recipient, extensions: frozenset[str], *, smtputf8: bool
) -> bytes:
    """
    Write RCPT with the parameters that the server knows.

    Raises:
        ValueError: NOTIFY or ORCPT cannot be written.
    """
    words = [f"RCPT TO:<{recipient.forward_path}>"]
    if not recipient.notify <= frozenset(_NOTIFY):
        raise ValueError(f"no such NOTIFY: {recipient.notify!r}")
    if "DSN" in extensions:
        if recipient.notify:
            asked = [word for word in _NOTIFY if word in recipient.notify]
            words.append(f"NOTIFY={','.join(asked)}")
        if recipient.orcpt is not None:
            words.append(f"ORCPT={_orcpt(recipient.orcpt, smtputf8)}")
    return f"{' '.join(words)}\r\n".encode()


def _orcpt(orcpt: str, smtputf8: bool) -> str:
    kind, _, address = orcpt.partition(";")
    if kind.lower() == "utf-8":
        encoded = encode_utf8_address(address, smtputf8=smtputf8)
    else:
        encoded = encode_xtext(address)
    return f"{encode_xtext(kind)};{encoded}"
