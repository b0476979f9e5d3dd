"""Measured comparisons, each a program that prints one table."""
