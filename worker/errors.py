"""What can go wrong around the worker. Expected results are values, not exceptions.

WorkerError                 one line for a person; the command line prints it and ends
├── BadInput                the caller's words are wrong: exit 2
│   └── BadSettings         … in an environment variable
├── Finding                 the answer is "no": exit 1
├── SchemaMissing           the database has not been migrated
├── DatabaseAway            PostgreSQL cannot be reached, for whoever does not wait for it
├── BrokerAway              the connection to RabbitMQ is down
├── TopologyDiffers         RabbitMQ has an exchange or queue of ours with other arguments
├── Unroutable              no queue takes the message
└── BrokerRefused           the broker refused the message (nack)
"""


class WorkerError(Exception):
    """One line that a person can act on."""


class BadInput(WorkerError):
    """Names the field and the rule."""


class BadSettings(BadInput):
    """Names the variable and the rule, never the value."""


class Finding(WorkerError):
    """A check found something."""


class SchemaMissing(WorkerError):
    """The database lacks the schema, or the role, that `ledger-worker migrate` makes."""


class DatabaseAway(WorkerError):
    """Not connected to PostgreSQL, or the connection ended before everything was read."""


class BrokerAway(WorkerError):
    """Not connected to RabbitMQ, or the connection ended before the broker confirmed."""


class TopologyDiffers(WorkerError):
    """Names the exchange or queue, and the argument."""


class Unroutable(WorkerError):
    """The broker confirmed that no queue is bound for the message's routing key."""


class BrokerRefused(WorkerError):
    """The broker answered a publish with nack."""
