//! An assumption about who pays because of a letter: `notice=0.10@3`, a tenth three days after a notice.
//!
//! Who, is told by a hash of client, invoice and letter: the same people on every run, and under two policies that
//! send the same letter.

use std::str::FromStr;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use sha2::{Digest, Sha256};

use crate::calendar::MAX_DAYS;
use crate::id::{ClientId, InvoiceId};
use crate::letter::LetterKind;

/// Shares are counted in millionths: finer than any number of clients.
const WHOLE: u32 = 1_000_000;

/// After that letter, so many of those who would pay later pay so many days after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// After which letter.
    pub letter: LetterKind,
    /// How many, in millionths.
    millionths: u32,
    /// How many days after it left.
    pub days: u32,
}

impl Response {
    /// Whether that invoice of that client is one of those.
    pub fn picks(&self, client: &ClientId, invoice: &InvoiceId) -> bool {
        let mut hash = Sha256::new();
        for part in [client.as_str(), invoice.as_str(), self.letter.as_str()] {
            hash.update(part.as_bytes());
            hash.update([0]); // no id holds it: "a" and "bc" are not "ab" and "c"
        }
        let digest = hash.finalize();
        let first = digest.iter().take(8).fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
        first % u64::from(WHOLE) < u64::from(self.millionths)
    }

    /// What is assumed, in a sentence.
    pub fn sentence(&self) -> String {
        let share = Decimal::from(self.millionths) / Decimal::from(WHOLE / 100);
        let letter = self.letter.as_str().replace('_', " ");
        let days = self.days;
        let plural = if days == 1 { "" } else { "s" };
        format!(
            "Assumed, not known: after a {letter}, {}% of the invoices in it that are not paid sooner are paid in full \
             {days} day{plural} later.",
            share.normalize()
        )
    }
}

impl FromStr for Response {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || format!("{text:?} is no response, expected letter=share@days such as notice=0.10@3");
        let (letter, rest) = text.split_once('=').ok_or_else(expected)?;
        let (share, days) = rest.split_once('@').ok_or_else(expected)?;
        let letter = LetterKind::from_name(letter.trim())
            .filter(|kind| is_debt(*kind))
            .ok_or_else(|| {
                format!(
                    "{:?} is no letter about a debt, expected one of: {}",
                    letter.trim(),
                    debts()
                )
            })?;
        let share: Decimal = share.trim().parse().map_err(|_| expected())?;
        let millionths = share.checked_mul(Decimal::from(WHOLE)).filter(Decimal::is_integer);
        let millionths =
            millionths.and_then(|share| share.to_u32()).filter(|share| *share <= WHOLE);
        let millionths = millionths.ok_or_else(|| {
            format!("{share} is no share, expected one from 0 to 1 with at most six decimals")
        })?;
        let days = days.trim().parse().ok().filter(|days| *days <= MAX_DAYS);
        let days = days.ok_or_else(|| {
            format!("{rest:?} has no number of days from 0 to {MAX_DAYS} after the @")
        })?;
        Ok(Self { letter, millionths, days })
    }
}

fn debts() -> String {
    let debts = LetterKind::ALL.into_iter().filter(|kind| is_debt(*kind));
    debts.map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")
}

/// They stand first, mild to strong.
fn is_debt(kind: LetterKind) -> bool {
    kind <= LetterKind::FinalDemand
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_read_and_said() {
        let read: Response = "notice=0.10@3".parse().unwrap();
        assert_eq!(
            read.sentence(),
            "Assumed, not known: after a notice, 10% of the invoices in it that are not paid sooner are paid in full 3 \
             days later."
        );
        for (text, part) in [
            ("notice", "expected letter=share@days"),
            ("notice=0.1", "expected letter=share@days"),
            ("welcome_back=0.1@3", "no letter about a debt"),
            ("letter=0.1@3", "no letter about a debt"),
            ("notice=10%@3", "expected letter=share@days"),
            ("notice=1.1@3", "no share"),
            ("notice=-0.1@3", "no share"),
            ("notice=0.0000001@3", "no share"),
            ("notice=0.1@x", "no number of days"),
            ("notice=0.1@-1", "no number of days"),
        ] {
            let error = text.parse::<Response>().unwrap_err();
            assert!(error.contains(part), "for {text:?}: {error}");
        }
    }

    #[test]
    fn who_responds_is_told_by_a_hash() {
        let picked = |text: &str| {
            let response: Response = text.parse().unwrap();
            let invoice = |number: u32| format!("A-{number}").parse().unwrap();
            let client = "acme".parse().unwrap();
            (0..10_000)
                .filter(|number| response.picks(&client, &invoice(*number)))
                .collect::<Vec<_>>()
        };
        let tenth = picked("notice=0.10@3");
        assert!((900..1100).contains(&tenth.len()), "{} of 10,000", tenth.len());
        assert_eq!(tenth, picked("notice=0.1@9"), "the same ones, whenever");
        assert_ne!(tenth, picked("demand_letter=0.1@3"));
        let fifth = picked("notice=0.2@3");
        assert!(
            tenth.iter().all(|number| fifth.contains(number)),
            "more people are those and others"
        );
        assert_eq!((picked("notice=0@3").len(), picked("notice=1@3").len()), (0, 10_000));
    }
}
