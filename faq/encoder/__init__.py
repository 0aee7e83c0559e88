"""The embedded encoder: its model, what it was trained from, and the script that trained it."""
