"""
Users that are kept in an LDAP directory [RFC4511].

`filters` makes search filters from what somebody typed, `codec` is all that
knows ldaptor, `connection` talks to one server, `servers` chooses among them,
`people` finds users, `accounts` gives them mailboxes here, `check` is their
way through the portal, `recipients` their addresses at RCPT.
"""
