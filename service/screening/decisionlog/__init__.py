"""Bytes, hashes, seals and receipts of the decision log. Pure; knows nothing of storage."""
