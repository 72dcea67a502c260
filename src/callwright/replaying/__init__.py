"""Stored decisions decided again by another brain, model, prompt or number, and what differs.

It reads a desk's memory and sends nothing: no venue and no order is within its reach. What a model
that was asked cost is all that it writes.
"""
