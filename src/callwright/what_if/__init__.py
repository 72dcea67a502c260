"""What the rules would have done on a stored snapshot with some things changed. Pure.

The scanner, the policy, sizing and both gates are those of a cycle; nothing here can reach a venue.
"""
