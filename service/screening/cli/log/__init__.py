"""`screening log …`: tools for auditors and for the keeper of the log. They open the files or databases; no service need run."""

import typer

from screening.cli.log import keep, replay, rotate, verify

log = typer.Typer(
    help="Verify and replay the decision log; erase, hold, supersede and retain what is in it.", no_args_is_help=True
)
log.command("verify")(verify.verify_log)
log.command("replay")(replay.replay_log)
log.command("erase")(keep.erase)
log.command("hold")(keep.hold)
log.command("release")(keep.release)
log.command("supersede")(keep.supersede)
log.command("fulfil")(keep.fulfil)
log.command("retain")(keep.retain)
log.command("rotate")(rotate.rotate)
