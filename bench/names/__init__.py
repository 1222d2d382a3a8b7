"""Quality and speed of name matching."""
