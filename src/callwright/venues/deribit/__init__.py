"""Deribit over HTTP: the testnet, and a paper server that looks the same.

``client`` is the wire, ``rows`` and ``parse_*`` turn what comes over it into the domain, ``venue``
and ``simulated`` are the ports. Reads are retried; an order is posted exactly once, whatever comes.
"""
