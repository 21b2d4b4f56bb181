"""How swaps are to end: by order id where one is named, else as all others."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SwapPlan:
    """Processing for so many seconds, then a success or a failure that gives the coins back."""

    processing_seconds: float = 0.0
    fails: bool = False


@dataclass(slots=True)
class SwapPlans:
    """The plans in force for swaps still to come; what is under way keeps its own."""

    for_all: SwapPlan = SwapPlan()
    by_order_id: dict[str, SwapPlan] = field(default_factory=dict)

    def of(self, order_id: str) -> SwapPlan:
        """The plan for this order."""
        return self.by_order_id.get(order_id, self.for_all)

    def set(self, plan: SwapPlan, order_id: str | None) -> None:
        """Put a plan in force for one order, or for all that have none of their own."""
        if order_id is None:
            self.for_all = plan
        else:
            self.by_order_id[order_id] = plan
