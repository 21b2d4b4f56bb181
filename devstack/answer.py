"""What the search ends in: two URLs, or one clear refusal."""

from dataclasses import dataclass, field

DATABASE_VARIABLE = "LEDGER_DATABASE_URL"
AMQP_VARIABLE = "LEDGER_AMQP_URL"


class DevstackError(Exception):
    """The servers could not be had; the message is for the person, in full sentences."""


@dataclass(frozen=True)
class Server:
    """One server that answers, and where it came from in a few words without its password."""

    url: str = field(repr=False)
    choice: str


@dataclass(frozen=True)
class Servers:
    """Where the two servers answer. The URLs hold passwords, so they stay out of the repr."""

    database_url: str = field(repr=False)
    amqp_url: str = field(repr=False)
    choice: str
    """One line that says which servers these are; holds no password."""
    owns_database: bool
    """Whether the database was started here, and not given by the settings."""

    def environment(self) -> dict[str, str]:
        """The settings that point a worker at these servers.

        The owner's URL is among them when the database is ours: one that the person has exported,
        or written into `.env`, is for another database, and `migrate` would go there.
        """
        settings = {DATABASE_VARIABLE: self.database_url, AMQP_VARIABLE: self.amqp_url}
        if self.owns_database:
            settings["LEDGER_DATABASE_OWNER_URL"] = self.database_url
        return settings
