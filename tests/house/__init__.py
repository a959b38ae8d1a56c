"""The walls of the house: what no room may do."""
