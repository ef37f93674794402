"""The shop's books and the provider's, read at one moment."""

from dataclasses import dataclass
from decimal import Decimal

from billing.models import Callback, Dispute, Payment, PaymentEvent, Refund
from billing.money import Money
from billing.sandbox import SandboxServer
from billing.sandbox.payment import Dispute as TheirDispute
from billing.sandbox.payment import Payment as TheirPayment
from billing.sandbox.payment import Refund as TheirRefund
from billing.states import OPEN_STATES, RefundStatus, Status
from commerce.models import Notification, Order, OrderEvent, Product
from tests.stock import held


@dataclass(frozen=True)
class Books:
    """Rows by their keys, and what the provider has by its own ids."""

    payments: dict[int, Payment]
    refunds: dict[int, Refund]
    disputes: dict[int, Dispute]
    orders: dict[int, Order]
    order_events: list[OrderEvent]
    events: list[PaymentEvent]
    callbacks: list[Callback]
    notifications: list[Notification]
    stock: int
    held: int
    theirs: dict[str, TheirPayment]
    their_refunds: list[TheirRefund]
    their_disputes: list[TheirDispute]
    by_hand: frozenset[str]
    """Refunds that somebody made in the provider's own pages."""
    taken_up: frozenset[str]
    """Payments that the provider opened again after they had ended there."""

    def payments_of(self, order: Order) -> list[Payment]:
        """The oldest first."""
        return [payment for payment in self.payments.values() if payment.reference == order.public_id]

    def order_of(self, payment: Payment) -> Order:
        """What the payment is for."""
        return next(order for order in self.orders.values() if order.public_id == payment.reference)

    def refunds_of(self, payment: Payment, *statuses: RefundStatus) -> list[Refund]:
        """All of them, or those in these states."""
        own = [refund for refund in self.refunds.values() if refund.payment_id == payment.pk]
        return [refund for refund in own if not statuses or refund.status in statuses]

    def disputes_of(self, payment: Payment) -> list[Dispute]:
        """All of them, the oldest first."""
        return [dispute for dispute in self.disputes.values() if dispute.payment_id == payment.pk]

    def open_payments(self) -> list[Payment]:
        """Those whose outcome is not known."""
        return [payment for payment in self.payments.values() if payment.status in OPEN_STATES]

    def their(self, *statuses: str) -> list[TheirPayment]:
        """The provider's payments in these states."""
        return [payment for payment in self.theirs.values() if payment.status in statuses]

    def there(self, payment: Payment) -> list[TheirPayment]:
        """What the provider has of it; without its id, all of its reference that no other payment here has."""
        if payment.provider_ref:
            return [their for their in self.theirs.values() if their.id == payment.provider_ref]
        known = {row.provider_ref for row in self.payments.values()}
        return [each for each in self.theirs.values() if each.reference == payment.reference and each.id not in known]

    def refund_there(self, refund: Refund) -> list[TheirRefund]:
        """What the provider has of it; without its id, those of the same sum that no other refund here has."""
        if refund.provider_ref:
            return [their for their in self.their_refunds if their.id == refund.provider_ref]
        known = {row.provider_ref for row in self.refunds.values()} | self.by_hand
        of_payment = [each for each in self.their_refunds if each.payment_id == refund.payment.provider_ref]
        return [each for each in of_payment if each.id not in known and each.amount.value == refund.amount.value]

    def they_hold(self, payment: Payment) -> tuple[Decimal, str]:
        """What the provider has taken for us with this payment, less what went back or is disputed; (0, "") for
        nothing.
        """
        their = self.theirs.get(payment.provider_ref)
        if their is None or their.status != Status.SUCCEEDED:
            return Decimal(0), ""
        disputed = sum(each.holds for each in self.their_disputes if each.payment_id == their.id)
        left = their.amount.decimal - their.refunded - disputed
        return (left, their.amount.currency) if left > 0 else (Decimal(0), "")

    def we_hold(self, payment: Payment) -> tuple[Decimal, str]:
        """The same by our own books; what is on its way back counts as gone, and so does what an undecided dispute
        holds back.
        """
        undecided = [each for each in self.disputes_of(payment) if each.ended_at is None and not each.is_inquiry]
        left = payment.left
        held = Money(left.minor - sum(each.amount_minor for each in undecided), left.currency) if left else None
        return (Decimal(held.value), held.currency) if held and held.minor > 0 else (Decimal(0), "")


def read(sandbox: SandboxServer, product: Product, by_hand: set[str], taken_up: set[str]) -> Books:
    """Both, as they stand now; `product` is all that the shop sells."""
    return Books(
        payments={row.pk: row for row in Payment.objects.order_by("pk")},
        refunds={row.pk: row for row in Refund.objects.select_related("payment").order_by("pk")},
        disputes={row.pk: row for row in Dispute.objects.order_by("pk")},
        orders={row.pk: row for row in Order.objects.order_by("pk")},
        order_events=list(OrderEvent.objects.order_by("pk")),
        events=list(PaymentEvent.objects.order_by("pk")),
        callbacks=list(Callback.objects.order_by("pk")),
        notifications=list(Notification.objects.order_by("pk")),
        stock=Product.objects.values_list("stock", flat=True).get(pk=product.pk),
        held=held(product),
        theirs={payment.id: payment for payment in sandbox.ledger.all()},
        their_refunds=sandbox.ledger.refunds(),
        their_disputes=sandbox.ledger.disputes(),
        by_hand=frozenset(by_hand),
        taken_up=frozenset(taken_up),
    )
