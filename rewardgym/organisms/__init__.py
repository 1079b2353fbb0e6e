"""Organisms: tiny trained checkpoints, shipped as data. ``CARD.md`` says what they are and are not.

``rewardgym sweep --checkpoints organism`` measures them by name.
"""
