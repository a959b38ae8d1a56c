"""
Where accepted mail goes: routing, queue, schedule, local and remote
delivery, and reports to those who sent it.

`service.Delivery` joins the rest: a listener hands messages to its
`receiver`, the realm asks its `router`, and its runner works off the queue.
"""
