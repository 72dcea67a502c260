"""What every proposal must pass: the guardrail, the risk engine, the breakers.

Pure: no clock, disk or network, and nothing here is told who proposed. ``approval`` is the way in.
"""
