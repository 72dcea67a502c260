"""Answers about the desk and what holds of them: checks and fixed answers, without a model."""
