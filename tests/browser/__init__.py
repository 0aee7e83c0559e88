"""Tests that look at the widget through a real browser."""
