"""Every command type there is. A new command adds its line here and in worker/commands."""

from schemas.command import Command
from schemas.transfer import Transfer

COMMANDS: dict[str, type[Command]] = {
    "transfer": Transfer,
}
