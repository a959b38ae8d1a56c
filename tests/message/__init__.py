"""Header sections, structure, text, reports."""
