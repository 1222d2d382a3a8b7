"""From a written name to the registry entity it is taken for, with reasons. Pure."""
