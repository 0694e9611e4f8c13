"""Offline: measuring the classifiers, the learning and the prompts. May take minutes and extra libraries."""
