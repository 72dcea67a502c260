"""Callwright: an options desk where an agent proposes and code disposes."""

__version__ = "0.1.0"
