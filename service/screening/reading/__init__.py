"""What the service reads in names and free text before it applies the law. Pure, and shown in every answer."""
