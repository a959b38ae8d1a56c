"""
IMAP's BODY and BODYSTRUCTURE [RFC9051 7.5.2] [RFC3501 7.4.2].

Built from the leaves up, without recursion: when an entity's turn comes, its
children are rendered already.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from imailpy.message.entity import CONTENT_FIELDS, Entity, Kind
from imailpy.message.imap_string import (
    NIL,
    imap_string,
    imap_token,
)
from imailpy.message.parameters import ContentField, Parameter

_COMMENT = re.compile(rb"\([^()]*+\)")
_LANGUAGE = re.compile(rb"[A-Za-z0-9-]{1,64}+")
_TEXT = Kind.TEXT
# Fields without which a text is bare.
_BARE = CONTENT_FIELDS - {b"content-type", b"content-transfer-encoding"}
_DEFAULT_CHARSET = b'"CHARSET" "us-ascii"'


def render_bodies(entities: Sequence[Entity]) -> tuple[bytes, bytes]:
    """
    Render BODY and BODYSTRUCTURE.

    Args:
        entities: All of a message, each before its children.
    """
    if len(entities) == 1:
        return _part(entities[0], ())
    rendered: dict[Entity, tuple[bytes, bytes]] = {}
    for entity in reversed(entities):
        children = [rendered.pop(child) for child in entity.children]
        if entity.kind is Kind.MULTIPART:
            rendered[entity] = _multipart(entity, children)
        else:
            rendered[entity] = _part(entity, children)
    return rendered[entities[0]]


def _multipart(
    entity: Entity, children: Sequence[tuple[bytes, bytes]]
) -> tuple[bytes, bytes]:
    subtype = imap_token(entity.content.subtype)
    body = b"(%b %b)" % (b"".join([c[0] for c in children]), subtype)
    structure = b"(%b %b %b%b)" % (
        b"".join([child[1] for child in children]),
        subtype,
        _parameters(entity.content.parameters),
        _extension(entity),
    )
    return body, structure


def _part(
    entity: Entity, children: Sequence[tuple[bytes, bytes]]
) -> tuple[bytes, bytes]:
    fields = entity.fields
    if entity.kind is _TEXT and _BARE.isdisjoint(fields):
        return _bare_text(entity)
    basic = b"%b %b %b %b %d" % (
        _content(entity.content),
        _text(fields.get(b"content-id")),
        _text(fields.get(b"content-description")),
        imap_token(entity.encoding),
        entity.body_end - entity.body_start,
    )
    extension = b" %b%b" % (
        _text(fields.get(b"content-md5")),
        _extension(entity),
    )
    if entity.kind is Kind.MESSAGE:
        inner = entity.children[0]
        body, structure = children[0]
        return (
            b"(%b %b %b %d)" % (basic, inner.envelope, body, entity.lines),
            b"(%b %b %b %d%b)"
            % (basic, inner.envelope, structure, entity.lines, extension),
        )
    if entity.kind is Kind.TEXT:
        basic = b"%b %d" % (basic, entity.lines)
    return b"(%b)" % basic, b"(%b%b)" % (basic, extension)


def _bare_text(entity: Entity) -> tuple[bytes, bytes]:
    """Text with a media type and an encoding, as most of it is."""
    basic = b"(%b NIL NIL %b %d %d" % (
        _content(entity.content),
        imap_token(entity.encoding),
        entity.body_end - entity.body_start,
        entity.lines,
    )
    return basic + b")", basic + b" NIL NIL NIL NIL)"


def _content(content: ContentField) -> bytes:
    if len(content.parameters) > 1:
        return _rendered_content(content)
    return _common_content(content)


def _rendered_content(content: ContentField) -> bytes:
    parameters = _parameters(
        content.parameters, default_charset=content.kind == b"text"
    )
    return b"%b %b %b" % (
        imap_token(content.kind),
        imap_token(content.subtype),
        parameters,
    )


_common_content = lru_cache(maxsize=512)(_rendered_content)


def _parameters(
    parameters: Sequence[Parameter], *, default_charset: bool = False
) -> bytes:
    pairs = []
    for parameter in parameters:
        if parameter.name == b"charset":
            default_charset = False
        name = parameter.name.upper()
        if parameter.extended and parameter.charset:
            name, value = name + b"*", parameter.extended_value
        else:
            value = parameter.octets
        pairs.append(b"%b %b" % (imap_string(name), imap_string(value)))
    if default_charset:
        pairs.append(_DEFAULT_CHARSET)
    return b"(%b)" % b" ".join(pairs) if pairs else NIL


def _extension(entity: Entity) -> bytes:
    """Disposition, language and location."""
    fields = entity.fields
    disposition = entity.disposition
    languages = fields.get(b"content-language")
    location = fields.get(b"content-location")
    if disposition is None and languages is None and location is None:
        return b" NIL NIL NIL"
    if disposition is None:
        shown = NIL
    else:
        shown = b"(%b %b)" % (
            imap_token(disposition.kind),
            _parameters(disposition.parameters),
        )
    return b" %b %b %b" % (shown, _languages(languages), _text(location))


def _languages(values: Sequence[bytes] | None) -> bytes:
    value = _COMMENT.sub(b"", values[0]) if values else b""
    tags = _LANGUAGE.findall(value)
    if not tags:
        return NIL
    if len(tags) == 1:
        return imap_string(tags[0])
    return b"(%b)" % b" ".join(map(imap_string, tags))


def _text(values: Sequence[bytes] | None) -> bytes:
    return imap_string(values[0]) if values else NIL
