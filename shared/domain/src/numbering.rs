//! Invoice numbers that follow each other without a gap (INV-7).
//!
//! A firm may set series: a prefix and a counter. Who puts in an invoice without a number gets the next
//! of a series, in the same commit; so a number of a series is never given by hand, and one that was
//! drawn stays, whatever becomes of its invoice. A draft has no number yet: it stands under a name of
//! its own until it is posted.

use serde::{Deserialize, Serialize};

use crate::id::{IdError, InvoiceId};
use crate::refusal::Refusal;

/// The most series of a firm: one a month for four years, and the settings stay a small item.
pub const MAX_SERIES: usize = 48;

/// The longest prefix, in bytes: `2026-NORTH-OFFICE/` and more; the rest of an id is the counter's.
pub const MAX_PREFIX_BYTES: usize = 32;

/// The most digits that a counter is filled up to: more than any firm writes invoices.
pub const MAX_DIGITS: u32 = 12;

/// The last number of a series.
pub const MAX_COUNTER: u64 = 999_999_999_999;

/// How the name of a draft begins that has no number yet. No number does.
const DRAFT: &str = "draft:";

/// Why a series can't be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeriesError {
    /// See [`MAX_PREFIX_BYTES`].
    #[error("a prefix has at most {MAX_PREFIX_BYTES} bytes")]
    LongPrefix,
    /// Drafts without a number are called so.
    #[error("a prefix can't begin with {DRAFT}, as the names of drafts do")]
    DraftPrefix,
    /// It is part of each number, which is an id.
    #[error("the prefix makes no number: {0}")]
    Prefix(#[from] IdError),
    /// A digit before the counter can't be told from it.
    #[error("a prefix can't end with a digit: where the counter begins couldn't be told")]
    EndsWithDigit,
    /// See [`MAX_DIGITS`].
    #[error("1 to {MAX_DIGITS} digits are expected")]
    Digits,
    /// See [`MAX_COUNTER`].
    #[error("a first number from 1 to {MAX_COUNTER} is expected")]
    First,
}

/// A series of invoice numbers: a prefix, and a counter filled up with zeros.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    prefix: String,
    digits: u32,
    first: u64,
}

impl Series {
    /// `2026-` with four digits from 1: 2026-0001, 2026-0002, … 2026-9999, 2026-10000.
    ///
    /// # Errors
    /// Where its numbers could not be told from each other or from other names.
    pub fn new(prefix: impl Into<String>, digits: u32, first: u64) -> Result<Self, SeriesError> {
        let prefix = prefix.into();
        if MAX_PREFIX_BYTES < prefix.len() {
            return Err(SeriesError::LongPrefix);
        }
        if prefix.starts_with(DRAFT) {
            return Err(SeriesError::DraftPrefix);
        }
        if prefix.ends_with(|c: char| c.is_ascii_digit()) {
            return Err(SeriesError::EndsWithDigit);
        }
        if !(1..=MAX_DIGITS).contains(&digits) {
            return Err(SeriesError::Digits);
        }
        if !(1..=MAX_COUNTER).contains(&first) {
            return Err(SeriesError::First);
        }
        let series = Self { prefix, digits, first };
        series.number(first)?;
        Ok(series)
    }

    /// How its numbers begin: by this it is called.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// How many digits the counter has at least.
    pub fn digits(&self) -> u32 {
        self.digits
    }

    /// Where the counter begins. Lower numbers are of the time before and not of the series.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The number at that place of the counter.
    ///
    /// # Errors
    /// Where the prefix makes no id.
    pub fn number(&self, counter: u64) -> Result<InvoiceId, IdError> {
        let digits = usize::try_from(self.digits).unwrap_or_default();
        format!("{}{counter:0digits$}", self.prefix).parse()
    }

    /// Whether it is a number that the series has drawn or is to draw.
    pub fn has(&self, number: &InvoiceId) -> bool {
        let Some(digits) = number.as_str().strip_prefix(&self.prefix) else { return false };
        let counter = Some(digits).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
        let counter = counter.and_then(|digits| digits.parse::<u64>().ok());
        counter.is_some_and(|counter| {
            self.first <= counter && self.number(counter).is_ok_and(|own| own == *number)
        })
    }
}

/// What a decision knows of numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Numbers<'a> {
    /// The firm's series.
    pub series: &'a [Series],
    /// The number that is drawn for this command, if it takes one.
    pub drawn: Option<&'a InvoiceId>,
}

impl Numbers<'_> {
    /// Refuses a number that can't be given by hand, or by an import.
    pub(crate) fn check(&self, id: &InvoiceId, is_draft: bool) -> Result<(), Refusal> {
        if self.drawn == Some(id) {
            return Ok(());
        }
        if is_unnumbered(id) && !is_draft {
            let text = format!("{id} is the name of a draft and no number");
            return Err(Refusal::invalid("INV-7", text));
        }
        let Some(series) = self.series.iter().find(|series| series.has(id)) else { return Ok(()) };
        let prefix = series.prefix();
        let text = format!(
            "the number {id} is of the series {prefix:?}, whose numbers are drawn one after the other"
        );
        Err(Refusal::conflict("INV-7", text))
    }
}

/// The name of a draft that gets its number when it is posted.
///
/// # Errors
/// Where `name` makes no id.
pub fn draft_name(name: &str) -> Result<InvoiceId, IdError> {
    format!("{DRAFT}{name}").parse()
}

/// Whether it is the name of a draft that has no number yet.
pub fn is_unnumbered(id: &InvoiceId) -> bool {
    id.as_str().starts_with(DRAFT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> InvoiceId {
        text.parse().unwrap()
    }

    #[test]
    fn inv_7_a_series_is_a_prefix_and_a_counter() {
        let series = Series::new("2026-", 4, 42).unwrap();
        for (counter, number) in [(42, "2026-0042"), (9_999, "2026-9999"), (10_000, "2026-10000")] {
            assert_eq!(series.number(counter).unwrap(), id(number));
        }
        for (number, is_own) in [
            ("2026-0042", true),
            ("2026-10000", true),
            ("2026-0041", false), // before the first
            ("2026-42", false),
            ("2026-00042", false),
            ("2026-0042a", false),
            ("2026-+042", false),
            ("2026-", false),
            ("2027-0042", false),
            ("X2026-0042", false),
            ("2026-99999999999999999999999", false),
        ] {
            assert_eq!(series.has(&id(number)), is_own, "for {number}");
        }
        assert!(Series::new("", 1, 1).unwrap().has(&id("17")), "plain numbers");
    }

    #[test]
    fn inv_7_what_is_no_series() {
        let long = "x".repeat(MAX_PREFIX_BYTES + 1);
        for (prefix, digits, first, expected) in [
            (&*long, 4, 1, "at most 32 bytes"),
            ("a#", 4, 1, "which no id may"),
            (" a-", 4, 1, "which no id may"),
            ("draft:", 4, 1, "names of drafts"),
            ("2026", 4, 1, "end with a digit"),
            ("a-", 0, 1, "1 to 12 digits"),
            ("a-", MAX_DIGITS + 1, 1, "1 to 12 digits"),
            ("a-", 4, 0, "from 1 to 999999999999"),
            ("a-", 4, MAX_COUNTER + 1, "from 1 to 999999999999"),
        ] {
            let error = Series::new(prefix, digits, first).unwrap_err().to_string();
            assert!(error.contains(expected), "for {prefix:?} {digits} {first}: {error}");
        }
    }

    #[test]
    fn inv_7_a_number_of_a_series_is_not_given_by_hand() {
        let series = [Series::new("2026-", 4, 10).unwrap(), Series::new("2027-", 4, 1).unwrap()];
        let drawn = id("2027-0003");
        let numbers = Numbers { series: &series, drawn: Some(&drawn) };
        for (number, is_draft, expected) in [
            ("2027-0003", false, None),
            ("2026-0009", false, None),
            ("A-1", false, None),
            ("draft:x", true, None),
            ("draft:x", false, Some("no number")),
            ("2026-0010", false, Some("of the series \"2026-\"")),
            ("2027-0004", true, Some("of the series \"2027-\"")),
        ] {
            let refused = numbers.check(&id(number), is_draft).err().map(|no| no.text);
            match expected {
                None => assert_eq!(refused, None, "for {number}"),
                Some(text) => assert!(refused.unwrap().contains(text), "for {number}"),
            }
        }
    }
}
