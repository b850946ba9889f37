//! Is what was read back what we asked for (PAY-2)?
//!
//! A mismatch marks nothing paid; it opens a task, and both sides of each difference are its
//! evidence. Whether amount and currency are those of an earlier reading of the same payment is for
//! the ledger to say, which has it (PAY-3).

use std::fmt;

use domain::id::FirmId;

use crate::{Mode, PaymentFacts, WebhookEvent};

/// What the endpoint that a webhook came to stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The firm.
    pub firm: FirmId,
    /// Whether it takes real money there.
    pub mode: Mode,
    /// Its connected account; none for the key's own.
    pub account: Option<String>,
}

/// What differs; at least one thing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", Sentence(.differences))]
pub struct Mismatch {
    /// Each difference, with both sides.
    pub differences: Vec<Difference>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What differs.
    pub field: Field,
    /// Our side.
    pub expected: String,
    /// The gateway's side.
    pub found: String,
}

/// What can differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The firm that the reference names.
    Firm,
    /// Live or test.
    Mode,
    /// The account at the gateway.
    Account,
    /// The page asked for another amount than the payment has.
    Amount,
    /// A part of the reference can't be read, or is said in two ways.
    Reference,
}

/// Compares a payment with what its endpoint stands for.
///
/// # Errors
/// [`Mismatch`] with every difference. A payment that carries no reference of ours at all differs
/// too; ask [`crate::Reference::is_ours`] first, for a firm's other sales are no mismatch.
pub fn compare(facts: &PaymentFacts, expected: &Expected) -> Result<(), Mismatch> {
    let mut differences = Differences::default();
    let firm = facts.reference.firm.as_ref();
    differences.check(Field::Firm, &expected.firm, firm.map_or("none", FirmId::as_str));
    differences.check(Field::Mode, expected.mode, facts.mode);
    differences.check_account(expected, facts.account.as_deref());
    if let Some(asked) = facts.checkout.as_ref().and_then(|checkout| checkout.amount) {
        differences.check(Field::Amount, asked, facts.amount);
    }
    for problem in &facts.reference.problems {
        let expected = format!("a readable {}", problem.field);
        differences.check(Field::Reference, expected, &problem.what);
    }
    differences.result()
}

/// Compares a webhook with what its endpoint stands for, before anything is read: an endpoint of
/// connected accounts in live mode also gets their test events.
///
/// # Errors
/// [`Mismatch`] when mode or account is another: the event is not for this endpoint.
pub fn compare_event(event: &WebhookEvent, expected: &Expected) -> Result<(), Mismatch> {
    let mut differences = Differences::default();
    differences.check(Field::Mode, expected.mode, event.mode);
    differences.check_account(expected, event.account.as_deref());
    differences.result()
}

#[derive(Default)]
struct Differences(Vec<Difference>);

impl Differences {
    fn check(&mut self, field: Field, expected: impl ToString, found: impl ToString) {
        let (expected, found) = (expected.to_string(), found.to_string());
        if expected != found {
            self.0.push(Difference { field, expected, found });
        }
    }

    fn check_account(&mut self, expected: &Expected, found: Option<&str>) {
        let account = |name: Option<&str>| name.unwrap_or("the key's own").to_owned();
        self.check(Field::Account, account(expected.account.as_deref()), account(found));
    }

    fn result(self) -> Result<(), Mismatch> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(Mismatch { differences: self.0 })
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Firm => "firm",
            Self::Mode => "mode",
            Self::Account => "account",
            Self::Amount => "amount",
            Self::Reference => "reference",
        })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.field, self.expected, self.found)
    }
}

/// The differences, joined for one line.
struct Sentence<'a>(&'a [Difference]);

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&parts.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use domain::money::{Currency, Money};

    use super::*;
    use crate::{Checkout, Claim, PaymentState, Reference, ReferenceProblem};

    fn expected() -> Expected {
        Expected { firm: "acme".parse().unwrap(), mode: Mode::Test, account: None }
    }

    fn facts() -> PaymentFacts {
        let amount = Money::new(1_000, Currency::USD);
        PaymentFacts {
            payment: "pi_1".parse().unwrap(),
            amount,
            state: PaymentState::Succeeded,
            mode: Mode::Test,
            account: None,
            reference: Reference { firm: Some("acme".parse().unwrap()), ..Reference::default() },
            method: None,
            charge: None,
            checkout: Some(Checkout { id: "cs_1".parse().unwrap(), amount: Some(amount) }),
            occurred_unix: 0,
            refunds: vec![],
            disputes: vec![],
        }
    }

    #[test]
    fn pay_2_each_difference_has_both_sides() {
        type Change = fn(&mut PaymentFacts);
        let rows: [(Change, &str); 8] = [
            (|_| (), ""),
            (|facts| facts.checkout = None, ""),
            (|facts| facts.reference.firm = None, "firm: expected acme, found none"),
            (
                |facts| facts.reference.firm = Some("beta".parse().unwrap()),
                "firm: expected acme, found beta",
            ),
            (|facts| facts.mode = Mode::Live, "mode: expected test, found live"),
            (
                |facts| facts.account = Some("acct_1".to_owned()),
                "account: expected the key's own, found acct_1",
            ),
            (
                |facts| facts.amount = Money::new(1, Currency::USD),
                "amount: expected 10.00 USD, found 0.01 USD",
            ),
            (
                |facts| {
                    let (field, what) = ("client".to_owned(), "an id can't be empty".to_owned());
                    facts.reference.problems.push(ReferenceProblem { field, what });
                    facts.mode = Mode::Live;
                },
                "mode: expected test, found live; \
                 reference: expected a readable client, found an id can't be empty",
            ),
        ];
        for (change, text) in rows {
            let mut facts = facts();
            change(&mut facts);
            let result = compare(&facts, &expected());
            assert_eq!(result.err().map(|m| m.to_string()).unwrap_or_default(), text);
        }
    }

    #[test]
    fn test_1_events_of_the_other_mode_or_account_are_told_apart() {
        let event = |mode, account: Option<&str>| WebhookEvent {
            id: "evt_1".parse().unwrap(),
            kind: String::new(),
            hint: None,
            created_unix: 0,
            mode,
            account: account.map(str::to_owned),
            claim: Claim::default(),
        };
        let connected = Expected { account: Some("acct_1".to_owned()), ..expected() };
        for (event, expected, is_ours) in [
            (event(Mode::Test, None), &expected(), true),
            (event(Mode::Live, None), &expected(), false),
            (event(Mode::Test, Some("acct_1")), &expected(), false),
            (event(Mode::Test, Some("acct_1")), &connected, true),
            (event(Mode::Test, Some("acct_2")), &connected, false),
            (event(Mode::Test, None), &connected, false),
        ] {
            assert_eq!(compare_event(&event, expected).is_ok(), is_ours, "{event:?}");
        }
    }
}
