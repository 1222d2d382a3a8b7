"""The verbs, in one place."""

import typer

from screening.cli import demo, forms, serve, status
from screening.cli.laws import laws
from screening.cli.log import log
from screening.cli.names import names
from screening.cli.receipt import receipt
from screening.cli.registry import registry
from screening.cli.report import report

app = typer.Typer(
    name="screening",
    help="Decides whether outside work and outside requests are permitted under the City's sanctuary rules.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("employment")(forms.employment)
app.command("request")(forms.request)
app.command("status")(status.status)
app.command("report")(report)
app.command("demo")(demo.demo)
app.add_typer(laws, name="laws")
app.add_typer(names, name="names")
app.add_typer(registry, name="registry")
app.add_typer(log, name="log")
app.add_typer(receipt, name="receipt")
