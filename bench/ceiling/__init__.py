"""The ceiling: the least that any Django view does that records a scan on the same server.

One check of the pass's signature, one ``INSERT … ON CONFLICT … RETURNING``, no middleware, no framework on top, no
question asked: who scans, whether the event is open, whether the person exists. Nothing that is right can be faster.
"""
