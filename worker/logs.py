"""Logging: one line a step, key=value, JSON when nobody is watching; never a secret, never a whole body."""

import logging
import sys

import structlog


def set_up_logging(level: int = logging.INFO) -> None:
    """Log to stderr: for people on a terminal, as JSON otherwise."""
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),  # a line in one write
        cache_logger_on_first_use=True,
    )
    # Libraries speak through the standard library. httpx writes a line with the URL for each request, aio-pika
    # one with a stack for each lost connection, which the broker port tells once and better.
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    for name in ("aio_pika", "aiormq", "httpx"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
