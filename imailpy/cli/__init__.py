"""
The operator's commands: `imailctl NOUN VERB`, one module a group.

A command speaks to the running server through the control socket in its data
directory, or opens the store itself when no server runs, and says which.
"""
