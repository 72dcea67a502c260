"""The rule-based policy, deterministic sizing and care: pure functions of a snapshot and its scan.

Nothing here sends, reads a clock or widens a limit. What it proposes still has to pass the
guardrail and the risk engine.
"""
