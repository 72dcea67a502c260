"""The rules, one idea a file: pure functions of a ``RuleInput`` that return a ``Verdict``.

Each comparison is written as what must hold, so that NaN denies. ``ruleset`` lists and orders them.
"""
