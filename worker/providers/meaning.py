"""What a provider's error code says about the request it answers: the five meanings every code is sorted into."""

from enum import Enum


class Meaning(Enum):
    """What a code says about the request it answers."""

    REFUSED = "nothing happened, and the same again is pointless"
    LATER = "nothing happened, the same may be tried later"
    OPERATOR = "nothing happened; credentials, clock, permissions or the account need a person"
    UNCERTAIN = "it may have happened"
    DUPLICATE = "an earlier copy of this order id exists"
