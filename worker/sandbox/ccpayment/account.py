"""One merchant account of the simulated provider: everything that its routes and controls work on."""

from worker.sandbox.ccpayment.addresses import Addresses
from worker.sandbox.ccpayment.agenda import Agenda
from worker.sandbox.ccpayment.books import Books
from worker.sandbox.ccpayment.lost import Lost
from worker.sandbox.ccpayment.market import Market
from worker.sandbox.ccpayment.notices import Notices, Webhooks
from worker.sandbox.ccpayment.swap_plans import SwapPlans


class Account:
    """The APP ID is also the user id of the merchant itself."""

    def __init__(self, app_id: str, app_secret: str, webhooks: Webhooks | None) -> None:
        self.app_id = app_id
        self.app_secret = app_secret
        self.books = Books()
        self.market = Market()
        self.agenda = Agenda()
        self.addresses = Addresses(app_id)
        self.notices = Notices(app_id, app_secret, webhooks)
        self.swap_plans = SwapPlans()
        self.lost = Lost()
        self.blanks_balances = False
        """Whether the merchant's balances are printed as empty texts, as in the provider's samples."""
