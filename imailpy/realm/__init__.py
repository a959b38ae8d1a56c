"""
The security realm that every listener shares.

A login gives an avatar with its rights; the facts of a stage give a
`Decision`, which is recorded. What is decided is decided in
`imailpy.policy`; here the facts are gathered.
"""
