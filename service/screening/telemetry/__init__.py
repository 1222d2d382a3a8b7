"""Names and plumbing of what the service emits. Nothing personal leaves through here."""
