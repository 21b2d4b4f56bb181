"""Options that several commands have."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


Limit = Annotated[int, typer.Option(min=1, max=1_000_000, help="The most rows to print.")]


OfProvider = Annotated[
    str | None, typer.Option("--provider", help="Only this provider's; all configured by default.")
]


OfReason = Annotated[str | None, typer.Option("--reason", help="Only those with this in their reason.")]


OfOrder = Annotated[str | None, typer.Option("--order-id", help="Only those of this order.")]


Looked = Annotated[
    int, typer.Option("--limit", min=1, max=100_000, help="The most letters to look at, per provider.")
]


OptionalLimit = Annotated[int | None, typer.Option(min=1, help="The most rows to print.")]
