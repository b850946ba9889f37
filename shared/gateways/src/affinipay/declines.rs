//! Which declines may succeed on another day. The codes are those of the gateway's documentation.

use crate::DeclineKind;

/// This card or account will not be charged again: it is closed, wrong, stolen, or its owner has said no.
const HARD: [&str; 22] = [
    "ach_account_closed",
    "ach_account_frozen",
    "ach_account_not_found",
    "ach_authorization_revoked",
    "ach_declined_hold",
    "ach_invalid_account_number",
    "ach_invalid_routing_number",
    "ach_not_authorized",
    "ach_payment_refused",
    "ach_payment_stopped",
    "card_avs_rejected",
    "card_cvv_incorrect",
    "card_declined_hold",
    "card_declined_no_account",
    "card_expired",
    "card_number_incorrect",
    "card_number_invalid",
    "card_type_not_accepted",
    "no_payment_method",
    "not_authorized_country_denied",
    "payment_method_expired",
    "resource_not_found",
];

/// What codes of a payment that took nothing begin with; any other is about the request.
const OF_PAYMENTS: [&str; 7] = [
    "ach_",
    "card_",
    "merchant_trans_",
    "no_payment_method",
    "not_authorized_country_denied",
    "payment_method_expired",
    "settlement_failed",
];

/// Whether a refusal means that nothing was taken, rather than that the request was wrong.
pub fn is_decline(code: &str) -> bool {
    OF_PAYMENTS.iter().any(|prefix| code.starts_with(prefix))
}

/// What can be done about it. A code that nobody knows may be a matter of the day.
pub fn kind(code: &str) -> DeclineKind {
    if HARD.contains(&code) { DeclineKind::Hard } else { DeclineKind::Soft }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chg_2_a_closed_account_is_not_charged_again_an_empty_one_may_be() {
        use DeclineKind::{Hard, Soft};
        for (code, expected) in [
            ("card_declined", Some(Soft)),
            ("card_declined_insufficient_funds", Some(Soft)),
            ("card_declined_limit_exceeded", Some(Soft)),
            ("card_declined_processing_error", Some(Soft)),
            ("card_declined_refer_to_issuer", Some(Soft)),
            ("card_processor_not_available", Some(Soft)),
            ("ach_insufficient_funds", Some(Soft)),
            ("ach_limit_exceeded", Some(Soft)),
            ("settlement_failed", Some(Soft)),
            ("merchant_trans_daily_amount_exceeded", Some(Soft)),
            ("card_expired", Some(Hard)),
            ("card_declined_hold", Some(Hard)),
            ("ach_account_closed", Some(Hard)),
            ("ach_not_authorized", Some(Hard)),
            ("ach_authorization_revoked", Some(Hard)),
            ("ach_payment_stopped", Some(Hard)),
            ("payment_method_expired", Some(Hard)),
            ("invalid_data", None),
            ("not_authorized", None),
            ("no_account_specified", None),
        ] {
            assert_eq!(is_decline(code).then(|| kind(code)), expected, "for {code}");
        }
    }
}
