//! Words that the facts themselves bring into a letter, by language: days, how late something is, how something was
//! paid, why a portal is locked. Templates have the rest.
//!
//! Amounts are written the same in both languages, as in the United States: `1,250.50 USD`.

use chrono::{Datelike, NaiveDate};
use domain::lock::{LockCause, LockReason};

use crate::facts::{Language, Method, Valid};

const SPANISH_MONTHS: [&str; 12] = [
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
];

/// `June 1, 2026`, or `1 de junio de 2026`.
pub fn date(language: Language, day: NaiveDate) -> String {
    match language {
        Language::En => day.format("%B %-d, %Y").to_string(),
        Language::Es => {
            let month = SPANISH_MONTHS.get(day.month0() as usize).copied().unwrap_or_default();
            format!("{} de {month} de {}", day.day(), day.year())
        }
    }
}

/// Where an invoice stands, by the days since it was due.
pub(crate) fn timing(language: Language, days: i64) -> String {
    match (language, days) {
        (Language::En, 1) => "1 day overdue".to_owned(),
        (Language::En, 2..) => format!("{days} days overdue"),
        (Language::En, 0) => "due today".to_owned(),
        (Language::En, -1) => "due tomorrow".to_owned(),
        (Language::En, _) => format!("due in {} days", -days),
        (Language::Es, 1) => "vencida hace 1 día".to_owned(),
        (Language::Es, 2..) => format!("vencida hace {days} días"),
        (Language::Es, 0) => "vence hoy".to_owned(),
        (Language::Es, -1) => "vence mañana".to_owned(),
        (Language::Es, _) => format!("vence en {} días", -days),
    }
}

/// How something was paid.
pub(crate) fn method(language: Language, method: Method) -> &'static str {
    match (language, method) {
        (Language::En, Method::Card) => "card",
        (Language::En, Method::Bank) => "bank debit",
        (Language::En, Method::Check) => "check",
        (Language::En, Method::Phone) => "phone",
        (Language::Es, Method::Card) => "tarjeta",
        (Language::Es, Method::Bank) => "débito bancario",
        (Language::Es, Method::Check) => "cheque",
        (Language::Es, Method::Phone) => "teléfono",
    }
}

/// How long a link can be used.
pub(crate) fn valid_for(language: Language, valid: Valid) -> String {
    let (count, one, many) = match (language, valid) {
        (Language::En, Valid::Minutes(count)) => (count, "minute", "minutes"),
        (Language::En, Valid::Days(count)) => (count, "day", "days"),
        (Language::Es, Valid::Minutes(count)) => (count, "minuto", "minutos"),
        (Language::Es, Valid::Days(count)) => (count, "día", "días"),
    };
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Several amounts in one sentence.
pub(crate) fn and(language: Language, parts: &[&str]) -> String {
    parts.join(match language {
        Language::En => " and ",
        Language::Es => " y ",
    })
}

/// Why a portal is locked (LOCK-2): a rule's reason in the letter's language, a person's as the person wrote it.
pub(crate) fn reason(language: Language, cause: &LockCause) -> String {
    match (language, cause) {
        (Language::En, _) | (Language::Es, LockCause::Hand(_)) => cause.text(),
        (Language::Es, LockCause::Rule(LockReason::Unpaid { invoices, days })) => {
            let invoices = match invoices {
                1 => "1 factura sin pagar".to_owned(),
                count => format!("{count} facturas sin pagar"),
            };
            format!(
                "{invoices} con más de {days} {} de retraso",
                if *days == 1 { "día" } else { "días" }
            )
        }
        (Language::Es, LockCause::Rule(LockReason::Balance { overdue })) => {
            format!("{} vencidos", overdue.for_person())
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::money::{Currency, Money};
    use domain::text::Personal;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn let_3_a_day_is_written_for_people() {
        for (text, en, es) in [
            ("2026-06-01", "June 1, 2026", "1 de junio de 2026"),
            ("2028-02-29", "February 29, 2028", "29 de febrero de 2028"),
            ("2026-12-31", "December 31, 2026", "31 de diciembre de 2026"),
            ("2026-01-09", "January 9, 2026", "9 de enero de 2026"),
        ] {
            assert_eq!(date(Language::En, day(text)), en);
            assert_eq!(date(Language::Es, day(text)), es);
        }
    }

    #[test]
    fn inv_2_an_invoice_says_where_it_stands() {
        for (days, en, es) in [
            (-7, "due in 7 days", "vence en 7 días"),
            (-1, "due tomorrow", "vence mañana"),
            (0, "due today", "vence hoy"),
            (1, "1 day overdue", "vencida hace 1 día"),
            (30, "30 days overdue", "vencida hace 30 días"),
            (638, "638 days overdue", "vencida hace 638 días"),
        ] {
            assert_eq!(timing(Language::En, days), en);
            assert_eq!(timing(Language::Es, days), es);
        }
    }

    #[test]
    fn lock_2_a_rules_reason_is_told_in_the_language_and_a_persons_in_its_words() {
        let unpaid = |invoices, days| LockCause::Rule(LockReason::Unpaid { invoices, days });
        let overdue = Money::new(125_050, Currency::USD);
        for (cause, en, es) in [
            (
                unpaid(1, 30),
                "1 unpaid invoice over 30 days",
                "1 factura sin pagar con más de 30 días de retraso",
            ),
            (
                unpaid(3, 1),
                "3 unpaid invoices over 1 day",
                "3 facturas sin pagar con más de 1 día de retraso",
            ),
            (
                LockCause::Rule(LockReason::Balance { overdue }),
                "1,250.50 USD overdue",
                "1,250.50 USD vencidos",
            ),
            (LockCause::Hand(Personal::new("as agreed")), "as agreed", "as agreed"),
        ] {
            assert_eq!(reason(Language::En, &cause), en);
            assert_eq!(reason(Language::Es, &cause), es);
        }
    }

    #[test]
    fn sec_3_how_long_a_link_lives() {
        for (valid, en, es) in [
            (Valid::Minutes(1), "1 minute", "1 minuto"),
            (Valid::Minutes(15), "15 minutes", "15 minutos"),
            (Valid::Days(1), "1 day", "1 día"),
            (Valid::Days(7), "7 days", "7 días"),
        ] {
            assert_eq!(valid_for(Language::En, valid), en);
            assert_eq!(valid_for(Language::Es, valid), es);
        }
    }
}
