"""The paper exchange over HTTP: JSON-RPC 2.0 in Deribit's envelope, methods, fields and errors.

Loopback only. Requests are served one after another by the event loop, which calls the exchange
directly; nothing here keeps books of its own. What Deribit does not have stands under ``paper/``.
"""
