"""Metrics: from stored rollouts to rates with intervals."""
