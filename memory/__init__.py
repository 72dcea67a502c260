"""What the desk remembers: one SQLite file a home, and the flight recorder beside it.

SQLite holds the truth (intents, ledger, records, trading state); the JSONL files are a copy of its
records, a line each. Implements the storage ports and imports no venue. What cannot be written or
read raises ``StorageError``, and then nothing may trade.
"""
