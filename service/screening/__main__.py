"""`python -m screening`, and the command `screening`."""

import os
import sys

# Before gRPC loads. Its own lines name peers and paths; and its older listener takes fewer threads for a call.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener")

from screening.cli.app import app  # after the setting above
from screening.errors import StartError  # as above


def main() -> None:
    """Run the command; a start-up error is one line and exit code 2."""
    try:
        app()
    except StartError as error:
        print(f"screening: {error}", file=sys.stderr)  # noqa: T201  # this is the command's output
        sys.exit(2)


if __name__ == "__main__":
    main()
