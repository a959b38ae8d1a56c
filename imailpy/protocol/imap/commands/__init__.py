"""
IMAP commands as values [RFC9051 6] [RFC3501 6].

Their arguments are checked for form, not for meaning: whether a mailbox
exists is for the store to say. Mailbox names are decoded and canonical
(Unicode NFC, `INBOX` in capitals); a name that cannot be one is refused by
the grammar.
"""

from imailpy.protocol.imap.commands.append import (
    AppendAborted,
    AppendEnd,
    AppendMessage,
    BodyChunk,
    EndOfBody,
)
from imailpy.protocol.imap.commands.base import (
    STAR,
    Command,
    SequenceSet,
)
from imailpy.protocol.imap.commands.connection import (
    Authenticate,
    AuthenticateResponse,
    Capability,
    Connected,
    Id,
    Login,
    Logout,
    Noop,
    StartTls,
)
from imailpy.protocol.imap.commands.fetch_items import (
    FetchItem,
    Item,
    Section,
)
from imailpy.protocol.imap.commands.mailboxes import (
    Create,
    Delete,
    Deselected,
    Enable,
    Idle,
    IdleDone,
    List,
    Lsub,
    Namespace,
    Rename,
    Select,
    Status,
    Subscribe,
)
from imailpy.protocol.imap.commands.messages import (
    Close,
    Copy,
    Expunge,
    Fetch,
    Move,
    Search,
    Store,
    Unselect,
)
from imailpy.protocol.imap.commands.search_keys import (
    And,
    DateIs,
    HasFlag,
    HasKeyword,
    HeaderHas,
    InSet,
    IsRecent,
    Not,
    Or,
    SearchKey,
    SizeIs,
    TextHas,
)

__all__ = [
    "STAR",
    "And",
    "AppendAborted",
    "AppendEnd",
    "AppendMessage",
    "Authenticate",
    "AuthenticateResponse",
    "BodyChunk",
    "Capability",
    "Close",
    "Command",
    "Connected",
    "Copy",
    "Create",
    "DateIs",
    "Delete",
    "Deselected",
    "Enable",
    "EndOfBody",
    "Expunge",
    "Fetch",
    "FetchItem",
    "HasFlag",
    "HasKeyword",
    "HeaderHas",
    "Id",
    "Idle",
    "IdleDone",
    "InSet",
    "IsRecent",
    "Item",
    "List",
    "Login",
    "Logout",
    "Lsub",
    "Move",
    "Namespace",
    "Noop",
    "Not",
    "Or",
    "Rename",
    "Search",
    "SearchKey",
    "Section",
    "Select",
    "SequenceSet",
    "SizeIs",
    "StartTls",
    "Status",
    "Store",
    "Subscribe",
    "TextHas",
    "Unselect",
]
