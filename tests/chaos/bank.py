"""The bank of the payment dramas: both providers, who made which withdrawal, and the people at the console."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal

from worker.providers.coinqpay.auth import Signer
from worker.providers.coinqpay.recipe import Recipe, timestamp_of
from worker.sandbox.coinqpay.account import CoinQPayAccount, public_key_of
from worker.sandbox.coinqpay.coins import COINS
from worker.sandbox.coinqpay.records import Withdrawal, WithdrawalStatus
from worker.sandbox.message import Request, Response
from worker.sandbox.provider import Call, Provider
from worker.sandbox.sandbox import Sandbox

APP_ID = "chaos-merchant"
APP_SECRET = "chaos-secret"
SEED = bytes(range(32))
RECIPE = Recipe(
    key_header="Biz-Api-Key",
    time_header="Biz-Api-Nonce",
    signature_header="Biz-Api-Signature",
    template="{method}|{path}|{timestamp}|{params}|{body}",
    prehash="dsha256",
    time_unit="ms",
    encoding="hex",
)
SIGNER = Signer(SEED.hex(), RECIPE)

COIN = "TRON_USDT"
OWN_ADDRESS = "TDD1DYWkAr37thmRjaZntxcjs7tgwUjcd1"
ADDRESS = "TEELyKT4XCVZAcGujYaKm7F9uHp2fFipRH"
OTHER_ADDRESS = "TLyqzVGLV1srkB7dToTAEqgDSfPtXRJZYH"
BOUND = {COIN: OWN_ADDRESS}


class Bank(Sandbox):
    """The sandbox, which also remembers what only the truth knows: whose request made which withdrawal."""

    def __init__(self, now: Callable[[], float]) -> None:
        account = CoinQPayAccount(public_key=public_key_of(SEED), withdraw_addresses=BOUND)
        super().__init__(APP_ID, APP_SECRET, now, coinqpay=account, webhooks_to="http://worker")
        self.made: dict[str, str] = {}  # by which signature
        self.by_hand: set[str] = set()
        self.by_strangers: set[str] = set()
        # Without older ones no list of withdrawals could show that it reaches back far enough.
        for age, address, amount in ((90_000, OTHER_ADDRESS, "77"), (80_000, ADDRESS, "5")):
            self._write(COIN, address, amount, now() - age).status = WithdrawalStatus.SUCCESS
        self.old = {withdrawal.withdrawal_id for withdrawal in self.coinqpay_books.withdrawals()}

    def _execute(self, provider: Provider, call: Call, at: float) -> Response:
        before = len(self.coinqpay_books.withdrawals())
        answer = super()._execute(provider, call, at)
        for withdrawal in self.coinqpay_books.withdrawals()[before:]:
            self.made[withdrawal.withdrawal_id] = call.request.headers["biz-api-signature"]
        return answer

    def control(self, action: str, provider: str = "coinqpay", **fields: object) -> Mapping[str, object]:
        """Use a control of a provider."""
        return self.ask(self.controls[provider][action], fields)

    def pay_by_hand(self, amount: str, address: str = ADDRESS) -> None:
        """Somebody at the provider's console makes a withdrawal: no request, no second confirmation."""
        withdrawal = self._write(COIN, address, amount, self._now())
        self.by_hand.add(withdrawal.withdrawal_id)
        self.control("end-withdrawal", id=withdrawal.withdrawal_id, status=int(WithdrawalStatus.PROCESSING))

    def pay_by_stranger(self, amount: str, address: str = ADDRESS) -> None:
        """Somebody has stolen the key, and asks for a payment."""
        body = json.dumps({"coin": COIN, "address": address, "amount": amount}).encode()
        timestamp = timestamp_of(RECIPE, datetime.fromtimestamp(self._now(), UTC))
        path = "/api/v1/payout"
        signature = SIGNER.sign("POST", path, "", body, timestamp)
        self.coinqpay_books.fund(COIN, Decimal(amount))
        before = set(self.made)
        self.handle(Request("POST", path, SIGNER.headers(timestamp, signature), body))
        self.by_strangers |= set(self.made) - before

    def clear_up(self, withdrawal_id: str, status: int) -> None:
        """Its people look into a withdrawal that is unclear, and end it."""
        withdrawal = self.coinqpay_books.withdrawal(withdrawal_id)
        if withdrawal is not None and withdrawal.status in (WithdrawalStatus.EXCEPTION, WithdrawalStatus.RISK):
            self.control("end-withdrawal", id=withdrawal_id, status=status)

    def paid(self) -> dict[str, Withdrawal]:
        """What was really sent in this drama."""
        self.advance()
        return {
            each.withdrawal_id: each
            for each in self.coinqpay_books.withdrawals()
            if each.status == WithdrawalStatus.SUCCESS and each.withdrawal_id not in self.old
        }

    def credited(self) -> dict[tuple[str, str], Decimal]:
        """What really came in, gross, by provider and record."""
        self.advance()
        now = self._now()
        deposits = {
            ("ccpayment", each.record_id): each.amount
            for each in self.books.deposits()
            if each.status(now) == "Success" and not each.is_risky
        }
        orders = self.coinqpay_books.pay_orders()
        return deposits | {("coinqpay", o.payment_id): o.pay_amount for o in orders if o.pay_amount is not None}

    def is_quiet(self) -> bool:
        """Nothing is on its way here."""
        self.advance()
        under_way = (WithdrawalStatus.WAIT_APPROVE, WithdrawalStatus.PROCESSING, WithdrawalStatus.CONFIRMING)
        moving = any(each.status in under_way for each in self.coinqpay_books.withdrawals())
        arriving = any(each.arriving is not None for each in self.coinqpay_books.pay_orders())
        now = self._now()
        arriving |= any(each.status(now) == "Processing" for each in self.books.deposits())
        return not (moving or arriving or self._late or self.webhooks.pending())

    def _write(self, coin: str, address: str, amount: str, at: float) -> Withdrawal:
        gross, books = Decimal(amount), self.coinqpay_books
        withdrawal = Withdrawal(books.ids.next(at), coin, gross, COINS[coin].fee(gross), address, at)
        books.fund(coin, gross)  # money of its own, so that the order's is still there
        books.write_withdrawal(withdrawal)
        return withdrawal
