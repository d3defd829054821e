"""Frozen facts, by topic. They hold data and decide nothing."""
