"""The decision history."""
