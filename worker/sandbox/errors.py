"""The one exception of the sandbox: whoever controls it asked for something impossible."""


class InputError(ValueError):
    """A control input (funding, fault, account) is wrong: which field, and the rule it breaks.

    Callers of the simulated provider never see it; they get the provider's own error codes.
    """

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule


def require(holds: bool, field: str, rule: str) -> None:
    """Raise `InputError` unless the rule holds."""
    if not holds:
        raise InputError(field, rule)
