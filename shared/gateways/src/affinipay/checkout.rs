//! Pages to pay on: the firm's own payment page for the right account, with amount and reference filled in.
//!
//! Nothing is made for it at the gateway, so there is nothing to end and no time at which it ends; it can be paid
//! on again, and a payer who edits the address can pay another amount. What was paid is read back like any other
//! payment, and our reference on it says what for.

use domain::money::Money;
use reqwest::Url;

use super::AffiniPay;
use super::facts::to_affinipay;
use crate::{CheckoutError, CheckoutLine, GatewayError, NewCheckout, OpenCheckout, Reference};

/// The gateway's limit of a reference, in characters.
pub(super) const MAX_REFERENCE_CHARS: usize = 128;

/// A page has no end: the last second of the year 9999.
const NEVER_UNIX: i64 = 253_402_300_799;

/// What the payer is not to change.
const READ_ONLY: &str = "amount,reference";

impl AffiniPay {
    pub(super) fn page(&self, new: &NewCheckout) -> Result<OpenCheckout, CheckoutError> {
        let amount = total(&new.lines)?;
        let has_page = |account: &super::DepositAccount| account.page_url.is_some();
        let account = self.account(new.deposit, &new.methods, amount.currency(), has_page)?;
        let id = new.ours.parse().map_err(|error| {
            GatewayError::malformed(format!("our own name {:?}: {error}", new.ours))
        })?;
        let reference = Reference::text(&new.ours, &new.client, MAX_REFERENCE_CHARS)?;
        let minor = to_affinipay(amount).map_err(CheckoutError::Amount)?;
        let page_url = account.page_url.as_deref().unwrap_or_default();
        let mut url = Url::parse(page_url)
            .map_err(|_| GatewayError::malformed(format!("{page_url:?} is no address")))?;
        // In our order, and each escape as a form has it: the pages are documented with %20 for a blank.
        let pairs = [
            ("amount", minor.to_string()),
            ("reference", reference),
            ("readOnlyFields", READ_ONLY.to_owned()),
        ];
        url.query_pairs_mut().extend_pairs(pairs);
        if let Some(email) = &new.email {
            url.query_pairs_mut().append_pair("email", email);
        }
        let url = url.as_str().replace('+', "%20").replace("%2C", ",");
        Ok(OpenCheckout { id, url, amount, expires_unix: NEVER_UNIX })
    }
}

/// What the lines come to.
pub(super) fn total(lines: &[CheckoutLine]) -> Result<Money, CheckoutError> {
    let mut amounts = lines.iter().map(|line| line.amount);
    let first = amounts.next().ok_or(CheckoutError::Nothing)?;
    if lines.iter().any(|line| line.amount.is_zero()) {
        return Err(CheckoutError::Nothing);
    }
    Ok(amounts.try_fold(first, Money::checked_add)?)
}
