"""The benchmark: `make bench`. Scripts for people; nothing of the service imports them."""
