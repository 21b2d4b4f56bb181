"""What is paid long after a pay order has ended is compared when it is credited, though its order ended before."""

from decimal import Decimal

from tests.reconcile.stage import TRON, Stage, told


async def test_a_late_payment_is_compared_in_the_span_in_which_it_was_credited(stage: Stage) -> None:
    order_id = await stage.pay_order("10")
    await stage.go_on(1200)
    assert await stage.state(order_id) == "failed"
    await stage.go_on(8000)  # beyond what a later run goes back to
    assert (await stage.reconcile("coinqpay")).drift == []
    stage.ends.ask("coinqpay", "pay", orderId=order_id)
    await stage.go_on(16000)
    [order] = stage.ends.sandbox.coinqpay_books.pay_orders()
    order.pay_amount = Decimal(9)
    report = await stage.reconcile("coinqpay")
    assert ("deposit", "merchant", TRON, "10", "9") in told(report)
    assert report.compared["deposit"] == 1
