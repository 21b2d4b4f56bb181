"""What goes in and out of a simulator: one request, one reply, or a failure on the wire."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as it arrived. Header names are lower-cased, whatever the caller wrote.

    `query` is what follows the question mark, undecoded: some providers have it signed as sent.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: str = ""

    def __post_init__(self) -> None:
        lowered = {name.lower(): value for name, value in self.headers.items()}
        object.__setattr__(self, "headers", lowered)


@dataclass(frozen=True, slots=True)
class Response:
    """A complete HTTP answer, the right one or not."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Beside the content type: where the provider signs its answers, that is here."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is cut without an answer."""


@dataclass(frozen=True, slots=True)
class Hang:
    """No answer for `seconds`, then the connection is cut."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Slow:
    """The true answer, `seconds` late."""

    response: Response
    seconds: float


Reply = Response | Reset | Hang | Slow
