//! From what a gateway says about a payment to news that the account understands.
//!
//! Pure, so that each state is a row of a test. What the account has no word for becomes a doubt: a
//! sentence for a person, and nothing is marked (PAY-2).

use domain::command::News;
use domain::id::RefundId;
use domain::payment::{ChargebackState, Method, Seen};
use gateways::{Dispute, DisputeState, PaymentFacts, PaymentState, RefundState};

/// Debits by other names than the US one: days on their way too, and they can come back.
const OTHER_DEBITS: [&str; 4] = ["acss_debit", "au_becs_debit", "bacs_debit", "sepa_debit"];

/// What the facts of one payment come to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// To be recorded, in this order; each again does nothing (PAY-1).
    pub(super) news: Vec<News>,
    /// Refunds that did not happen after all: a doubt where they were recorded.
    pub(super) undone: Vec<RefundId>,
    /// For a person to look at.
    pub(super) doubts: Vec<String>,
}

/// Everything that happened to a payment, as news. Nothing, as long as nobody paid.
pub(super) fn told(facts: &PaymentFacts) -> Told {
    let mut told = Told::default();
    let Some(seen) = seen(facts) else { return told };
    told.news.push(News::Told {
        amount: facts.amount,
        method: method(facts.method.as_ref()),
        invoices: facts.reference.invoices.clone(),
        seen,
        on: None,
    });
    for refund in &facts.refunds {
        match refund.state {
            RefundState::Succeeded => {
                told.news
                    .push(News::Refunded { id: refund.id.clone(), amount: Some(refund.amount) });
            }
            RefundState::Failed | RefundState::Canceled => told.undone.push(refund.id.clone()),
            RefundState::Pending => {}
        }
    }
    for dispute in &facts.disputes {
        told.dispute(facts, dispute);
    }
    told
}

fn seen(facts: &PaymentFacts) -> Option<Seen> {
    match facts.state {
        PaymentState::Open | PaymentState::RequiresAction | PaymentState::Held => None,
        PaymentState::Pending => Some(Seen::Pending),
        PaymentState::Failed { .. } => Some(Seen::Failed),
        // Given up before anybody tried is no failure to tell the payer of.
        PaymentState::Canceled => facts.charge.is_some().then_some(Seen::Failed),
        PaymentState::Succeeded => Some(Seen::Succeeded),
    }
}

fn method(method: Option<&gateways::Method>) -> Method {
    match method {
        Some(gateways::Method::Ach) => Method::Ach,
        Some(gateways::Method::Other(name)) if OTHER_DEBITS.contains(&name.as_str()) => Method::Ach,
        Some(gateways::Method::Card | gateways::Method::Other(_)) | None => Method::Card,
    }
}

impl Told {
    fn dispute(&mut self, facts: &PaymentFacts, dispute: &Dispute) {
        if dispute.state == DisputeState::Notice {
            return; // no money moved
        }
        if dispute.amount.currency() != facts.amount.currency() {
            self.doubts.push(format!(
                "{} of the {} paid are disputed ({})",
                dispute.amount, facts.amount, dispute.id
            ));
            return;
        }
        match (self.is_of_all(facts, dispute), dispute.is_ach_return) {
            (true, true) => self.returned(dispute),
            (true, false) => self.charged_back(dispute),
            (false, _) => self.partly_taken(facts, dispute),
        }
    }

    /// Whether nothing of the payment is left beside it.
    fn is_of_all(&self, facts: &PaymentFacts, dispute: &Dispute) -> bool {
        let given_back =
            facts.refunds.iter().filter(|refund| refund.state == RefundState::Succeeded);
        let given_back: u64 = given_back.map(|refund| refund.amount.minor()).sum();
        facts.amount.minor().saturating_sub(given_back) <= dispute.amount.minor()
    }

    fn returned(&mut self, dispute: &Dispute) {
        match dispute.state {
            DisputeState::Opened | DisputeState::Lost | DisputeState::Prevented => {
                self.news.push(News::Returned);
            }
            // A return is final; should a bank ever think better of it, the money came anew.
            DisputeState::Won => {
                self.doubts.push(format!("the return {} was taken back", dispute.id))
            }
            DisputeState::Notice => {}
        }
    }

    fn charged_back(&mut self, dispute: &Dispute) {
        let state = match dispute.state {
            DisputeState::Opened => ChargebackState::Opened,
            DisputeState::Lost | DisputeState::Prevented => ChargebackState::Lost,
            DisputeState::Won => ChargebackState::Won,
            DisputeState::Notice => return,
        };
        self.news.push(News::Chargeback { id: dispute.id.clone(), state });
    }

    /// Taking the whole payment back would claim more than is owed: a part that is gone for good
    /// is as if the firm had given it back, and one that may come back is for a person.
    fn partly_taken(&mut self, facts: &PaymentFacts, dispute: &Dispute) {
        let is_final = match dispute.state {
            DisputeState::Lost | DisputeState::Prevented => true,
            DisputeState::Opened => dispute.is_ach_return,
            DisputeState::Won | DisputeState::Notice => return,
        };
        match dispute.id.as_str().parse() {
            Ok(id) if is_final => {
                self.news.push(News::Refunded { id, amount: Some(dispute.amount) });
            }
            _ => self.doubts.push(format!(
                "{} of the {} paid are disputed and away until it is decided ({})",
                dispute.amount, facts.amount, dispute.id
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::money::{Currency, Money};
    use gateways::{Mode, Reference, Refund};

    use super::*;

    fn usd(minor: u64) -> Money {
        Money::new(minor, Currency::USD)
    }

    fn facts(state: PaymentState) -> PaymentFacts {
        PaymentFacts {
            payment: "pi_1".parse().unwrap(),
            amount: usd(10_000),
            state,
            mode: Mode::Test,
            account: None,
            reference: Reference { invoices: vec!["A-1".parse().unwrap()], ..Reference::default() },
            method: Some(gateways::Method::Card),
            charge: Some("ch_1".parse().unwrap()),
            checkout: None,
            occurred_unix: 0,
            refunds: Vec::new(),
            disputes: Vec::new(),
        }
    }

    fn refund(minor: u64, state: RefundState) -> Refund {
        Refund { id: "re_1".parse().unwrap(), amount: usd(minor), state, created_unix: 1 }
    }

    fn dispute(minor: u64, state: DisputeState, is_ach_return: bool) -> Dispute {
        let (amount, id) = (usd(minor), "dp_1".parse().unwrap());
        Dispute { id, amount, state, is_ach_return, reason: None, created_unix: 2 }
    }

    /// All of it, on one line.
    fn said(facts: &PaymentFacts) -> String {
        let told = told(facts);
        let news = told.news.iter().map(|news| match news {
            News::Told { amount, method, invoices, seen, .. } => {
                format!("{seen:?} {amount} {method:?} {invoices:?}")
            }
            News::Refunded { id, amount } => format!("refunded {id} {}", amount.unwrap()),
            News::Chargeback { id, state } => format!("chargeback {id} {state:?}"),
            News::Returned => "returned".to_owned(),
        });
        let undone = told.undone.iter().map(|id| format!("undone {id}"));
        let doubts = told.doubts.iter().map(|doubt| format!("? {doubt}"));
        news.chain(undone).chain(doubts).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn pay_3_each_state_is_news_or_none() {
        let failed = PaymentState::Failed { code: None };
        for (state, expected) in [
            (PaymentState::Open, ""),
            (PaymentState::RequiresAction, ""),
            (PaymentState::Held, ""),
            (PaymentState::Pending, "Pending 100.00 USD Card [A-1]"),
            (failed, "Failed 100.00 USD Card [A-1]"),
            (PaymentState::Canceled, "Failed 100.00 USD Card [A-1]"),
            (PaymentState::Succeeded, "Succeeded 100.00 USD Card [A-1]"),
        ] {
            assert_eq!(said(&facts(state.clone())), expected, "for {state:?}");
        }
        assert_eq!(said(&PaymentFacts { charge: None, ..facts(PaymentState::Canceled) }), "");
    }

    #[test]
    fn chg_3_debits_of_every_country_are_debits() {
        let other = |name: &str| Some(gateways::Method::Other(name.to_owned()));
        for (method, expected) in [
            (None, Method::Card),
            (Some(gateways::Method::Card), Method::Card),
            (Some(gateways::Method::Ach), Method::Ach),
            (other("sepa_debit"), Method::Ach),
            (other("link"), Method::Card),
        ] {
            assert_eq!(super::method(method.as_ref()), expected, "for {method:?}");
        }
    }

    #[test]
    fn pay_5_refunds_and_disputes_take_back_what_they_say() {
        use DisputeState::{Lost, Notice, Opened, Prevented, Won};
        use RefundState::{Failed, Pending, Succeeded};
        for (refunds, disputes, expected) in [
            (vec![refund(2_500, Succeeded)], vec![], "refunded re_1 25.00 USD"),
            (vec![refund(2_500, Pending)], vec![], ""),
            (vec![refund(2_500, Failed)], vec![], "undone re_1"),
            (vec![], vec![dispute(10_000, Notice, false)], ""),
            (vec![], vec![dispute(10_000, Opened, false)], "chargeback dp_1 Opened"),
            (vec![], vec![dispute(10_000, Lost, false)], "chargeback dp_1 Lost"),
            (vec![], vec![dispute(10_000, Prevented, false)], "chargeback dp_1 Lost"),
            (vec![], vec![dispute(10_000, Won, false)], "chargeback dp_1 Won"),
            (vec![], vec![dispute(10_000, Lost, true)], "returned"),
            (vec![], vec![dispute(10_000, Opened, true)], "returned"),
            (vec![], vec![dispute(10_000, Won, true)], "? the return dp_1 was taken back"),
            // A part, and all that a refund left.
            (vec![], vec![dispute(7_500, Lost, false)], "refunded dp_1 75.00 USD"),
            (vec![], vec![dispute(7_500, Lost, true)], "refunded dp_1 75.00 USD"),
            (
                vec![],
                vec![dispute(7_500, Opened, false)],
                "? 75.00 USD of the 100.00 USD paid are disputed and away until it is decided (dp_1)",
            ),
            (vec![], vec![dispute(7_500, Won, false)], ""),
            (
                vec![refund(2_500, Succeeded)],
                vec![dispute(7_500, Opened, false)],
                "refunded re_1 25.00 USD; chargeback dp_1 Opened",
            ),
        ] {
            let facts = PaymentFacts { refunds, disputes, ..facts(PaymentState::Succeeded) };
            let said = said(&facts);
            let rest = said.strip_prefix("Succeeded 100.00 USD Card [A-1]").unwrap();
            assert_eq!(rest.trim_start_matches("; "), expected);
        }
    }

    #[test]
    fn pay_5_a_dispute_in_another_currency_is_for_a_person() {
        let mut dispute = dispute(9_000, DisputeState::Lost, false);
        dispute.amount = Money::new(9_000, "EUR".parse().unwrap());
        let facts = PaymentFacts { disputes: vec![dispute], ..facts(PaymentState::Succeeded) };
        assert!(said(&facts).ends_with("? 90.00 EUR of the 100.00 USD paid are disputed (dp_1)"));
    }
}
