"""The change gate: which combinations of prompt, tools, settings and model may trade.

A combination is approved by running the suite of ``evals/`` and writing it, with its scores, into
``gate.toml``. In ``MODE=production`` the rules decide while the combination in use is not approved,
and the model is its shadow. Nothing that a model, a prompt or a chat says reaches this package.
"""
