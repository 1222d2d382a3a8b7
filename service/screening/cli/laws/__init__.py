"""`screening laws …`: tools for the people who write the law files. All offline."""

import typer

from screening.cli.laws import cases, check, diff, explain, mutants, prove, render, sign

laws = typer.Typer(help="Check the law files and run their cases.", no_args_is_help=True)
laws.command("check")(check.check)
laws.command("test")(cases.run)
laws.command("mutants")(mutants.mutants)
laws.command("prove")(prove.prove)
laws.command("explain")(explain.explain)
laws.command("diff")(diff.diff)
laws.command("render")(render.render)
laws.command("sign")(sign.sign)
laws.command("verify")(sign.verify)
