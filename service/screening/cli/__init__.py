"""The command `screening`: verbs for people and for other programs."""
