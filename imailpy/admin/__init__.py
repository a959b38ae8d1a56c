"""
What an operator may ask for.

The command line and, later, a web page call the same operations; nothing
here knows how the question came in or how the answer is shown.
"""
