"""The verbs, in one place."""

import typer

from screening.cli import serve
from screening.cli.laws import laws

app = typer.Typer(
    name="screening",
    help="Decides whether outside work and outside requests are permitted under the City's sanctuary rules.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.add_typer(laws, name="laws")
