"""
How much of a message is looked into; what is past a bound is kept, not read.

A message over a bound is accepted and stored like any other. Its rendition
says `truncated`, and what was not looked into is one opaque part.
"""

from __future__ import annotations

from typing import Final

# Octets of one header section that are indexed, and fields in it.
MAX_SECTION: Final = 256 * 1024
MAX_FIELDS: Final = 1000
# Octets of one field's value that are looked at.
MAX_FIELD: Final = 64 * 1024
# Octets of the header sections of all parts together.
MAX_ALL_SECTIONS: Final = 1024 * 1024
# Nested entities: the message itself is the first.
MAX_DEPTH: Final = 50
MAX_PARTS: Final = 1000
# Of one Content-Type or Content-Disposition.
MAX_PARAMETERS: Final = 100
MAX_PARAMETER_SECTIONS: Final = 50
MAX_BOUNDARY: Final = 256
# Octets of the address lists that are looked at in one message.
MAX_ALL_ADDRESSES: Final = 64 * 1024
# Of one field.
MAX_ENCODED_WORDS: Final = 200
MAX_ADDRESSES: Final = 1000
MAX_REFERENCES: Final = 200
# A field's name is at most so long, and so is the white space behind it.
MAX_FIELD_NAME: Final = 256
# A delimiter line with its padding.
MAX_DELIMITER: Final = 512
# Octets of text, as sent, from which a preview is made.
PREVIEW_PLAIN: Final = 4 * 1024
PREVIEW_HTML: Final = 64 * 1024
PREVIEW_CHARACTERS: Final = 200
