"""The World: as it is, and as a seed wants it."""
