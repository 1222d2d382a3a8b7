"""`python -m screening`, and the command `screening`."""

import sys

from screening.cli.app import app
from screening.errors import StartError


def main() -> None:
    """Run the command; a start-up error is one line and exit code 2."""
    try:
        app()
    except StartError as error:
        print(f"screening: {error}", file=sys.stderr)  # noqa: T201  # this is the command's output
        sys.exit(2)


if __name__ == "__main__":
    main()
