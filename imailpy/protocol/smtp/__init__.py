"""
SMTP, submission and LMTP without a socket [RFC5321] [RFC6409] [RFC2033].

`session.ServerSession` is the server's side, `client.ClientSession` the
client's.
"""
