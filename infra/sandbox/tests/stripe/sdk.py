"""The sandbox as Stripe's own SDK sees it: `sdk.py URL CASE`.

Every call goes through the SDK's public client, so that what it parses, raises, pages through and verifies
is what a program written for Stripe would get. Payers and banks act through the sandbox's own address.
"""

import json
import sys
import urllib.request

import stripe

KEY = "sk_test_sandbox"
# The one that we ask Stripe for; the SDK's own default is a later one of the same name.
VERSION = "2026-09-30.endive"
SECRET = "whsec_of_the_sdk"


class Sandbox:
    """The SDK's client, and what steers the sandbox."""

    def __init__(self, url, key=KEY, version=VERSION, retries=0):
        self.url = url
        self.v1 = stripe.StripeClient(
            key,
            base_addresses={"api": url},
            max_network_retries=retries,
            stripe_version=version,
        ).v1

    def steer(self, path, body, method="POST"):
        request = urllib.request.Request(
            f"{self.url}/sandbox/stripe/{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def act(self, act, **rest):
        return self.steer("acts", {"act": act, **rest})["object"]

    def session(self, options=None, **changes):
        params = {
            "mode": "payment",
            "success_url": "https://portal.example/paid?page={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://portal.example/invoices",
            "client_reference_id": "bea",
            "line_items": [line("Invoice A-1", 100000), line("Invoice A-2", 25000)],
            "payment_method_types": ["card", "us_bank_account"],
            "metadata": {"firm": "acme", "client": "bea", "invoices": "A-1,A-2"},
            "payment_intent_data": {"metadata": {"firm": "acme", "client": "bea"}},
            **changes,
        }
        return self.v1.checkout.sessions.create(params, options or {})

    def intent(self, method="pm_card_visa", options=None, **changes):
        params = {
            "amount": 1250,
            "currency": "usd",
            "payment_method": method,
            "confirm": True,
            "metadata": {"firm": "acme"},
            **changes,
        }
        return self.v1.payment_intents.create(params, options or {})


def line(name, amount):
    price = {"currency": "usd", "unit_amount": amount, "product_data": {"name": name}}
    return {"quantity": 1, "price_data": price}


def same(found, expected):
    assert found == expected, f"found {found!r}, expected {expected!r}"


def raises(kind, call):
    try:
        call()
    except stripe.StripeError as error:
        assert type(error) is kind, f"{type(error).__name__} is not {kind.__name__}: {error}"
        return error
    raise AssertionError(f"no {kind.__name__}")


def sessions(sandbox):
    made = sandbox.session()
    same(type(made).__name__, "Session")
    same((made.status, made.payment_status, made.amount_total), ("open", "unpaid", 125000))
    same((made.livemode, made.mode, made.currency), (False, "payment", "usd"))
    same(made.metadata["invoices"], "A-1,A-2")
    same(made.url, f"{sandbox.url}/sandbox/stripe/pay/{made.id}")
    assert 0 < made.expires_at - made.created <= 24 * 60 * 60
    read = sandbox.v1.checkout.sessions.retrieve(made.id, {"expand": ["line_items"]})
    same([item.description for item in read.line_items.data], ["Invoice A-1", "Invoice A-2"])
    items = sandbox.v1.checkout.sessions.line_items.list(made.id, {"limit": 1})
    same([item.amount_total for item in items.auto_paging_iter()], [100000, 25000])
    same(sandbox.v1.checkout.sessions.expire(made.id).status, "expired")
    same(sandbox.v1.checkout.sessions.retrieve(made.id).url, None)
    raises(stripe.InvalidRequestError, lambda: sandbox.v1.checkout.sessions.expire(made.id))
    later = sandbox.session(expires_at=made.created + 60 * 60)
    same(later.expires_at, made.created + 60 * 60)
    listed = sandbox.v1.checkout.sessions.list({"limit": 1})
    same([session.id for session in listed.auto_paging_iter()], [later.id, made.id])


def session_is_paid(sandbox):
    made = sandbox.session()
    payment = sandbox.act("pay_by_card", session=made.id)
    read = sandbox.v1.checkout.sessions.retrieve(
        made.id, {"expand": ["payment_intent.latest_charge.refunds"]}
    )
    same((read.status, read.payment_status), ("complete", "paid"))
    intent = read.payment_intent
    same((type(intent).__name__, intent.id, intent.status), ("PaymentIntent", payment, "succeeded"))
    same((intent.amount_received, intent.metadata["client"]), (125000, "bea"))
    charge = intent.latest_charge
    same((type(charge).__name__, charge.paid, charge.captured), ("Charge", True, True))
    same((charge.payment_method_details.type, charge.payment_method_details.card.last4), ("card", "4242"))
    same((type(charge.refunds).__name__, charge.refunds.data), ("ListObject", []))
    found = sandbox.v1.checkout.sessions.list({"payment_intent": payment})
    same([session.id for session in found.data], [made.id])


def payment_intents(sandbox):
    made = sandbox.intent()
    same((type(made).__name__, made.status), ("PaymentIntent", "succeeded"))
    read = sandbox.v1.payment_intents.retrieve(made.id, {"expand": ["latest_charge"]})
    same((read.latest_charge.object, read.latest_charge.amount), ("charge", 1250))
    charge = sandbox.v1.charges.retrieve(made.latest_charge)
    same((charge.payment_intent, charge.amount_captured), (made.id, 1250))
    same([c.id for c in sandbox.v1.charges.list({"payment_intent": made.id}).data], [charge.id])
    second = sandbox.intent()
    listed = sandbox.v1.payment_intents.list({"limit": 1})
    same([intent.id for intent in listed.auto_paging_iter()], [second.id, made.id])


def declined_card_is_a_card_error(sandbox):
    for method, decline in [
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_chargeDeclinedLostCard", "lost_card"),
    ]:
        key = {"idempotency_key": f"key-{decline}"}
        error = raises(stripe.CardError, lambda: sandbox.intent(method, key))
        same((error.http_status, error.code), (402, "card_declined"))
        same(error.error.decline_code, decline)
        intent = error.error.payment_intent
        same((intent.status, intent.last_payment_error.code), ("requires_payment_method", "card_declined"))
        stored = sandbox.v1.payment_intents.retrieve(intent.id)
        same(stored.latest_charge, error.error.charge)
        same(sandbox.v1.charges.retrieve(stored.latest_charge).status, "failed")
        again = raises(stripe.CardError, lambda: sandbox.intent(method, key))
        same(again.error.payment_intent.id, intent.id)


def fields_are_stripes(found, kind):
    """Stripe's published samples have none of these kinds; the SDK's own classes name their fields."""
    known = {name.rstrip("_") for name in kind.__annotations__}
    unknown = [name for name in found.to_dict() if name not in known]
    same(unknown, [])
    return found


def customers_and_saved_methods(sandbox):
    v1 = sandbox.v1
    made = v1.customers.create({"name": "Bea", "email": "bea@acme.example", "metadata": {"firm": "acme"}})
    fields_are_stripes(made, stripe.Customer)
    same((made.name, made.livemode, made.metadata["firm"]), ("Bea", False, "acme"))
    same(v1.customers.retrieve(made.id).email, "bea@acme.example")
    same([c.id for c in v1.customers.list({"email": "bea@acme.example"}).data], [made.id])
    card = v1.payment_methods.attach("pm_card_visa", {"customer": made.id})
    fields_are_stripes(card, stripe.PaymentMethod)
    fields_are_stripes(card.card, stripe.PaymentMethod.Card)
    same((card.type, card.card.last4, card.customer), ("card", "4242", made.id))
    bank = v1.payment_methods.attach("pm_usBankAccount_success", {"customer": made.id})
    fields_are_stripes(bank.us_bank_account, stripe.PaymentMethod.UsBankAccount)
    refused = raises(
        stripe.InvalidRequestError,
        lambda: v1.payment_methods.attach("pm_card_chargeDeclined", {"customer": made.id}),
    )
    same(refused.code, "card_declined")
    listed = v1.customers.payment_methods.list(made.id, {"limit": 1})
    same([method.id for method in listed.auto_paging_iter()], [bank.id, card.id])
    same([m.id for m in v1.customers.payment_methods.list(made.id, {"type": "card"}).data], [card.id])
    same(v1.payment_methods.detach(card.id).customer, None)
    raises(stripe.InvalidRequestError, lambda: v1.payment_methods.detach(card.id))
    same([m.id for m in v1.customers.payment_methods.list(made.id).data], [bank.id])


def setup_sessions(sandbox):
    customer = sandbox.v1.customers.create({"name": "Bea"}).id
    made = sandbox.v1.checkout.sessions.create(
        {
            "mode": "setup",
            "customer": customer,
            "success_url": "https://portal.example/saved?page={CHECKOUT_SESSION_ID}",
            "payment_method_types": ["card", "us_bank_account"],
            "setup_intent_data": {"metadata": {"firm": "acme"}},
        }
    )
    same((made.mode, made.status, made.amount_total, made.payment_intent), ("setup", "open", None, None))
    method = sandbox.act("save_method", session=made.id, method="pm_card_mastercard")
    read = sandbox.v1.checkout.sessions.retrieve(made.id, {"expand": ["setup_intent.payment_method"]})
    setup = fields_are_stripes(read.setup_intent, stripe.SetupIntent)
    same((read.status, setup.status, setup.usage), ("complete", "succeeded", "off_session"))
    same((setup.payment_method.id, setup.payment_method.card.brand), (method, "mastercard"))
    same(setup.metadata["firm"], "acme")
    same(sandbox.v1.setup_intents.retrieve(setup.id).payment_method, method)
    kinds = [event.type for event in sandbox.v1.events.list().data]
    same(kinds[:3], ["checkout.session.completed", "setup_intent.succeeded", "payment_method.attached"])


def saved_methods_are_charged(sandbox):
    v1 = sandbox.v1
    customer = v1.customers.create({"name": "Bea"}).id
    method = v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    made = v1.payment_intents.create({"amount": 1250, "currency": "usd", "customer": customer})
    same((made.status, made.customer), ("requires_payment_method", customer))
    changed = v1.payment_intents.update(made.id, {"amount": 1300, "metadata": {"ours": "try-1"}})
    same((changed.amount, changed.metadata["ours"]), (1300, "try-1"))
    alone = {"payment_method": method, "off_session": True, "error_on_requires_action": True}
    taken = v1.payment_intents.confirm(made.id, alone)
    same((taken.status, taken.amount_received, taken.payment_method), ("succeeded", 1300, method))
    again = raises(stripe.InvalidRequestError, lambda: v1.payment_intents.confirm(made.id, alone))
    same((again.http_status, again.code), (400, "payment_intent_unexpected_state"))
    found = v1.payment_intents.list({"customer": customer, "expand": ["data.latest_charge"]}).data
    same([(i.id, i.latest_charge.metadata["ours"]) for i in found], [(made.id, "try-1")])
    same(v1.payment_intents.list({"created": {"gt": made.created}}).data, [])
    same(len(v1.payment_intents.list({"created": {"gte": made.created}}).data), 1)

    asks = v1.payment_methods.attach("pm_card_authenticationRequired", {"customer": customer}).id
    other = v1.payment_intents.create({"amount": 700, "currency": "usd", "customer": customer})
    error = raises(
        stripe.CardError,
        lambda: v1.payment_intents.confirm(other.id, {**alone, "payment_method": asks}),
    )
    same((error.http_status, error.code), (402, "authentication_required"))
    same(error.error.payment_intent.id, other.id)
    sandbox.act("change_method", method=method, does={"declines": "lost_card"})
    error = raises(stripe.CardError, lambda: v1.payment_intents.confirm(other.id, alone))
    same((error.error.decline_code, error.error.advice_code), ("lost_card", "do_not_try_again"))
    same(v1.payment_intents.cancel(other.id).status, "canceled")
    gone = raises(
        stripe.InvalidRequestError,
        lambda: sandbox.intent("pm_1", customer=customer, off_session=True),
    )
    same((gone.http_status, gone.code, gone.param), (400, "resource_missing", "payment_method"))


def refunds(sandbox):
    payment = sandbox.intent().id
    part = sandbox.v1.refunds.create({"payment_intent": payment, "amount": 250})
    same((type(part).__name__, part.status, part.amount), ("Refund", "succeeded", 250))
    charge = sandbox.v1.charges.retrieve(part.charge)
    same((charge.amount_refunded, charge.refunded), (250, False))
    rest = sandbox.v1.refunds.create({"charge": charge.id, "reason": "duplicate", "metadata": {"a": "b"}})
    same((rest.amount, rest.reason, rest.metadata["a"]), (1000, "duplicate", "b"))
    same(sandbox.v1.charges.retrieve(charge.id).refunded, True)
    same(sandbox.v1.refunds.retrieve(part.id).id, part.id)
    listed = sandbox.v1.refunds.list({"payment_intent": payment, "limit": 1})
    same([refund.id for refund in listed.auto_paging_iter()], [rest.id, part.id])
    error = raises(
        stripe.InvalidRequestError, lambda: sandbox.v1.refunds.create({"payment_intent": payment})
    )
    same((error.http_status, error.code), (400, "charge_already_refunded"))


def disputes(sandbox):
    payment = sandbox.intent().id
    made = sandbox.act("dispute", payment=payment, amount=1000)
    dispute = sandbox.v1.disputes.retrieve(made, {"expand": ["payment_intent", "charge"]})
    same((type(dispute).__name__, dispute.status, dispute.amount), ("Dispute", "needs_response", 1000))
    same((dispute.payment_intent.id, dispute.charge.disputed), (payment, True))
    sandbox.act("close_dispute", dispute=made, outcome="won")
    same([d.status for d in sandbox.v1.disputes.list({"payment_intent": payment}).data], ["won"])
    inquiry = sandbox.act("dispute", payment=payment, is_inquiry=True)
    same(sandbox.v1.disputes.retrieve(inquiry).status, "warning_needs_response")


def bank_debit(sandbox):
    made = sandbox.session()
    payment = sandbox.act("pay_by_bank_that_returns", session=made.id)
    same(sandbox.v1.payment_intents.retrieve(payment).status, "processing")
    session = sandbox.v1.checkout.sessions.retrieve(made.id)
    same((session.status, session.payment_status), ("complete", "unpaid"))
    same([news["what"] for news in sandbox.steer("day", {"day": "2999-01-01"})], ["cleared", "returned"])
    same(sandbox.v1.checkout.sessions.retrieve(made.id).payment_status, "paid")
    same(sandbox.v1.payment_intents.retrieve(payment).status, "succeeded")
    dispute = sandbox.v1.disputes.list({"payment_intent": payment}).data[0]
    same((dispute.status, dispute.reason), ("lost", "insufficient_funds"))
    direct = sandbox.intent("pm_usBankAccount", payment_method_types=["us_bank_account"])
    same(direct.status, "processing")


def events_page_by_page(sandbox):
    for _ in range(9):
        sandbox.intent()
    everything = sandbox.v1.events.list({"limit": 4})
    ids = [event.id for event in everything.auto_paging_iter()]
    same((len(ids), len(set(ids)), ids), (27, 27, sorted(ids, reverse=True)))
    older_first = sandbox.v1.events.list({"limit": 4, "ending_before": ids[-1]})
    same([event.id for event in older_first.auto_paging_iter()], ids[-2::-1])
    chosen = sandbox.v1.events.list({"types": ["charge.succeeded"], "limit": 2})
    same({event.type for event in chosen.auto_paging_iter()}, {"charge.succeeded"})
    undelivered = sandbox.v1.events.list({"delivery_success": False, "limit": 100})
    same(len(undelivered.data), 27)
    event = sandbox.v1.events.retrieve(ids[0])
    same((type(event).__name__, event.livemode), ("Event", False))
    same(type(event.data.object).__name__, "PaymentIntent")


def idempotency(sandbox):
    key = {"idempotency_key": "pay-acme-1"}
    first = sandbox.session(key)
    again = sandbox.session(key)
    same(again.id, first.id)
    same(again.last_response.headers["Idempotent-Replayed"], "true")
    same(len(sandbox.v1.checkout.sessions.list().data), 1)
    error = raises(stripe.IdempotencyError, lambda: sandbox.session(key, client_reference_id="ann"))
    same(error.http_status, 400)
    raises(stripe.IdempotencyError, lambda: sandbox.intent(options=key))
    # An answer that is lost: the SDK's own second try, under its own key, makes no second session.
    sandbox.steer("faults", {"lose_answers": 1}, "PUT")
    made = Sandbox(sandbox.url, retries=2).intent()
    same([intent.id for intent in sandbox.v1.payment_intents.list().data], [made.id])


def errors(sandbox):
    missing = raises(
        stripe.InvalidRequestError, lambda: sandbox.v1.checkout.sessions.retrieve("cs_test_1")
    )
    same((missing.http_status, missing.code, missing.param), (404, "resource_missing", "id"))
    unknown = raises(stripe.InvalidRequestError, lambda: sandbox.session(colour="blue"))
    same((unknown.code, unknown.param), ("parameter_unknown", "colour"))
    url = raises(stripe.InvalidRequestError, lambda: sandbox.session(success_url="nowhere"))
    same((url.code, url.param), ("url_invalid", "success_url"))
    locked_out = raises(
        stripe.AuthenticationError, lambda: Sandbox(sandbox.url, "sk_test_other").session()
    )
    same(locked_out.http_status, 401)
    old = Sandbox(sandbox.url, version="2017-08-15")
    raises(stripe.InvalidRequestError, old.session)
    sandbox.steer("faults", {"down": True}, "PUT")
    same(raises(stripe.APIError, sandbox.session).http_status, 503)
    sandbox.steer("faults", {"lose_answers": 1}, "PUT")
    raises(stripe.APIConnectionError, sandbox.session)
    sandbox.steer("faults", {}, "PUT")
    made = sandbox.session()
    assert made.last_response.request_id.startswith("req_"), made.last_response.headers


def webhooks(sandbox):
    sandbox.act("pay_by_card", session=sandbox.session().id)
    deliveries = sandbox.steer("deliveries", {"secret": SECRET})
    same(len(deliveries), 4)
    for delivery in deliveries:
        body, header = delivery["body"], delivery["header"]
        event = stripe.Webhook.construct_event(body, header, SECRET)
        same((event.id, event.object), (delivery["event"], "event"))
        same(event.api_version, sandbox.v1.events.retrieve(event.id).api_version)
        for changed, secret in [(body.replace("acme", "beta") + " ", SECRET), (body, "whsec_other")]:
            raises(
                stripe.SignatureVerificationError,
                lambda: stripe.Webhook.construct_event(changed, header, secret),
            )
    same(stripe.Webhook.construct_event(deliveries[-1]["body"], deliveries[-1]["header"], SECRET).type,
         "checkout.session.completed")


def main():
    url, case = sys.argv[1:]
    {
        test.__name__: test
        for test in [
            sessions,
            session_is_paid,
            payment_intents,
            declined_card_is_a_card_error,
            customers_and_saved_methods,
            setup_sessions,
            saved_methods_are_charged,
            refunds,
            disputes,
            bank_debit,
            events_page_by_page,
            idempotency,
            errors,
            webhooks,
        ]
    }[case](Sandbox(url))
    print(f"{case} is as the SDK expects")


if __name__ == "__main__":
    main()
