"""
A policy in Python: taken in, guarded while it is asked, taken anew.

`imailpy.policy.api` is what it is written with.
"""
