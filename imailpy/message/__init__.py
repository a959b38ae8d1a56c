"""
What is inside a message: header section, MIME structure, text, reports.

`Scanner` reads a message once, while it arrives, and gives a `Rendition`;
`Structure` tells where its parts are; `HeaderSection` is the one reading of
header fields. This room only thinks: octets in, values and octets out.

Input comes from strangers. Every reader here is iterative, takes time linear
in its input, stops at the bounds of `bounds`, and never raises for what a
message says; what it cannot read is None, empty, or shown as it is.
"""
