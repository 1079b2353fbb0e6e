"""Training: what makes checkpoints to measure. ``python -m rewardgym.training.grow --help``."""
