"""What goes in and out of a simulator: one request, one reply, or a failure on the wire."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as it arrived. Header names are lower-cased, whatever the caller wrote."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def __post_init__(self) -> None:
        lowered = {name.lower(): value for name, value in self.headers.items()}
        object.__setattr__(self, "headers", lowered)


@dataclass(frozen=True, slots=True)
class Response:
    """A complete HTTP answer, the right one or not."""

    status: int
    body: bytes
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is cut without an answer."""


@dataclass(frozen=True, slots=True)
class Hang:
    """No answer for `seconds`, then the connection is cut."""

    seconds: float


Reply = Response | Reset | Hang
