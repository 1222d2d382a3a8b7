"""The wire, both ways, and its manners. Knows nothing of storage."""
