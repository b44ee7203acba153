"""Letting a network write."""
