"""The hosts of a broker's URL: one for a single broker, several for the nodes of a cluster.

`amqp://user:password@n1:5672,n2:5672,n3:5672/vhost`, as PostgreSQL's URLs name several: one user, one virtual host.
"""

from urllib.parse import urlsplit, urlunsplit

from yarl import URL

from worker.errors import BadSettings

# A dead peer is noticed within three of these; the library's default would need three minutes.
HEARTBEAT_SECONDS = 15


def each_host(url: str) -> tuple[URL, ...]:
    """A URL for each host, in the order in which they are to be tried. Raises BadSettings."""
    try:
        parts = urlsplit(url)
        credentials, at, hosts = parts.netloc.rpartition("@")
        return tuple(
            _with_heartbeat(URL(urlunsplit(parts._replace(netloc=f"{credentials}{at}{host}"))))
            for host in hosts.split(",")
        )
    except ValueError:
        raise BadSettings("LEDGER_AMQP_URL: cannot be read as an AMQP URL") from None


def _with_heartbeat(url: URL) -> URL:
    return url if "heartbeat" in url.query else url.update_query(heartbeat=HEARTBEAT_SECONDS)
