//! What each placeholder stands for, in a sentence, for whoever words a letter.

use domain::letter::LetterKind;

use crate::check::{examples, placeholders};

/// A placeholder, as the page that letters are worded on lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placeholder {
    /// Its name, such as `invoices[].due_on`.
    pub name: String,
    /// What it stands for.
    pub meaning: &'static str,
    /// What it says in a sample letter; none where it says nothing there.
    pub example: Option<String>,
}

/// The placeholders of that kind of letter, with what they mean.
pub fn explained(kind: LetterKind) -> Vec<Placeholder> {
    let examples = examples(kind);
    let explain = |name: String| {
        let example = examples.get(&name).cloned();
        Placeholder { meaning: meaning(&name).unwrap_or_default(), example, name }
    };
    placeholders(kind).into_iter().map(explain).collect()
}

/// What a name stands for. What is of an invoice means the same of the oldest one, and what is owed means the same of
/// what is still owed after a payment.
fn meaning(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix("rest.").unwrap_or(name);
    if let Some(of) = name.strip_prefix("invoices[].").or_else(|| name.strip_prefix("oldest.")) {
        return of_invoice(of);
    }
    MEANINGS.iter().find(|(known, _)| *known == name).map(|(_, meaning)| *meaning)
}

fn of_invoice(field: &str) -> Option<&'static str> {
    Some(match field {
        "number" => "the invoice's number",
        "issued_on" => "the day on which it was issued",
        "due_on" => "the day on which it was or will be due",
        "days_overdue" => "how many days it is overdue; 0 before that",
        "timing" => "the same in words, such as “due tomorrow”",
        "total" => "its amount, late fees included",
        "fees" => "the late fees in it; nothing, if there are none",
        "paid" => "what was paid of it; nothing, if that is nothing",
        "disputed" => "what of it is in dispute and not asked for; nothing, if that is nothing",
        "open" => "what of it is asked for",
        _ => return None,
    })
}

const MEANINGS: [(&str, &str); 46] = [
    ("amount", "how much was paid, or should have been"),
    ("amount_due", "what is to be paid in all, net of credit"),
    ("applied[].amount", "the part of the payment that went to the invoice"),
    ("applied[].invoice", "the number of an invoice that the payment went to"),
    ("applied[].open", "what is left to pay of it; nothing, if it is paid"),
    ("client.name", "the client's name"),
    ("credit", "what of the payment is kept as credit; nothing, if nothing is"),
    ("day", "the day on which the letter leaves"),
    ("dispute_by", "the last day on which to pay or to dispute"),
    ("failed_on", "the day on which the payment failed or came back"),
    ("firm.colour", "the firm's colour, such as #1f4e5f, dark enough to be read on white"),
    ("firm.logo_url", "the address of the firm's picture; nothing, if it has none"),
    ("firm.name", "the firm's name"),
    ("firm.phone", "the firm's telephone number; nothing, if it has said none"),
    ("firm.postal_address", "the firm's postal address; nothing, if it has said none"),
    ("firm.reply_address", "the address that answers go to"),
    ("first_due_on", "the day on which the first instalment is due"),
    ("grace_days", "how many days late an instalment may be"),
    ("instalment_count", "how many instalments there are"),
    ("instalments[].amount", "how much an instalment is"),
    ("instalments[].due_on", "the day on which it is due"),
    ("invoice_count", "how many invoices the letter is about"),
    (
        "is_returned",
        "true, if the bank returned the payment later; false, if it refused it at once",
    ),
    ("language", "the letter's language: en or es"),
    ("lines[]", "a line of what is written to the client"),
    ("link", "the page on which the letter is answered; nothing, if there is none"),
    ("lock", "nothing: this letter goes to nobody whose portal is locked"),
    ("lock.is_new", "true, if the portal was locked on the letter's day"),
    ("lock.opens", "how it opens again: after_review, on_payment or by_the_firm"),
    ("lock.reason", "why the portal is locked"),
    ("lock.since", "the day since which it is locked"),
    ("method", "how it was paid, such as “card”"),
    ("next", "nothing: this letter announces nothing"),
    (
        "next.action",
        "what follows: limit, lock, demand_letter, partner_review, collections_referral or close",
    ),
    ("next.on", "the day before which it does not follow"),
    ("plan_total", "what all instalments come to"),
    ("portal_link", "the address of the client portal"),
    ("ready[]", "something that is ready and waiting for the client"),
    ("received_on", "the day on which the payment came"),
    ("reference", "the name under which to ask about the payment"),
    ("reopened", "why the portal is open again: settled, until or with_plan"),
    ("totals[].credit", "the credit that counts against it; nothing, if there is none"),
    ("totals[].due", "what is to be paid in one currency"),
    ("totals[].open", "what is open in one currency"),
    ("until", "the last day of it; nothing, if it has none"),
    ("valid_for", "how long the link can be used, such as “15 minutes”"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn let_3_every_placeholder_is_explained_and_nothing_else() {
        let mut used = BTreeSet::new();
        for kind in LetterKind::ALL {
            for placeholder in explained(kind) {
                assert!(!placeholder.meaning.is_empty(), "{kind:?}: {}", placeholder.name);
                used.insert(placeholder.name.trim_start_matches("rest.").to_owned());
            }
        }
        for (name, _) in MEANINGS {
            assert!(used.contains(name), "{name} is in no letter");
        }
    }

    #[test]
    fn let_3_an_example_shows_what_a_placeholder_says() {
        let of = |kind, name: &str| {
            let found = explained(kind).into_iter().find(|known| known.name == name);
            found.and_then(|known| known.example)
        };
        assert_eq!(of(LetterKind::Notice, "amount_due").as_deref(), Some("1,200.50 USD"));
        assert_eq!(of(LetterKind::Notice, "invoices[].number").as_deref(), Some("INV-00042"));
        assert_eq!(of(LetterKind::DemandLetter, "lock.is_new").as_deref(), Some("true"));
        assert_eq!(of(LetterKind::LockNotice, "lock"), None);
    }
}
