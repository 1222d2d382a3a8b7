"""From law files and facts to findings and an outcome. Pure: no input or output, no clock, no randomness."""
