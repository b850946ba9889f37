//! What a decline means for the next attempt.
//!
//! The issuer's advice counts where there is some, and never against a card that is lost or closed: to charge
//! such a one again costs the firm fees at the card networks. Whatever is not known here may pass another day.

use crate::{Decline, DeclineKind, ObjectId};

/// Stripe's words for an issuer that wants to see the payer.
const NEEDS_PAYER: [&str; 4] = [
    "authentication_required",
    "payment_intent_action_required",
    "payment_intent_authentication_failure",
    "requires_action",
];

/// No attempt with this method will pass any more: of Stripe's list of codes that its own retries stop at, of
/// those for cards that are closed, and of those for bank accounts, where a mandate that was revoked or
/// returned once is void.
const HARD: [&str; 32] = [
    "account_closed",
    "bank_account_restricted",
    "bank_account_unusable",
    "bank_ownership_changed",
    "card_not_supported",
    "currency_not_supported",
    "debit_not_authorized",
    "expired_card",
    "fraudulent",
    "highest_risk_level",
    "incorrect_account_details",
    "incorrect_account_holder_name",
    "incorrect_number",
    "invalid_account",
    "invalid_account_number",
    "invalid_expiry_month",
    "invalid_expiry_year",
    "invalid_number",
    "lost_card",
    "new_account_information_available",
    "no_account",
    "payment_intent_mandate_invalid",
    "payment_method_bank_account_blocked",
    "payment_method_not_available",
    "payment_method_unexpected_state",
    "pickup_card",
    "restricted_card",
    "revocation_of_all_authorizations",
    "revocation_of_authorization",
    "stolen_card",
    "stop_payment_order",
    "transaction_not_allowed",
];

/// The issuer's advice that nothing will help.
const ADVICE_STOP: &str = "do_not_try_again";

/// The issuer's advice that the card's data are not right, which only the payer can mend.
const ADVICE_DATA: &str = "confirm_card_data";

/// A decline by its codes; the bank's own word is more precise than Stripe's `card_declined`.
pub fn decline(
    code: Option<&str>,
    decline_code: Option<&str>,
    advice: Option<&str>,
    payment: Option<ObjectId>,
) -> Decline {
    let code_of = decline_code.or(code).unwrap_or("no code");
    let is_any = |list: &[&str]| [code, decline_code].iter().flatten().any(|c| list.contains(c));
    let kind = if is_any(&NEEDS_PAYER) {
        DeclineKind::NeedsPayer
    } else if is_any(&HARD) || advice == Some(ADVICE_STOP) {
        DeclineKind::Hard
    } else if advice == Some(ADVICE_DATA) {
        DeclineKind::NeedsPayer
    } else {
        DeclineKind::Soft
    };
    Decline { code: code_of.to_owned(), kind, payment }
}

/// Whether a refusal that is no decline says that the method can't be charged.
pub fn is_about_method(code: &str, param: Option<&str>) -> bool {
    let is_gone =
        code == "resource_missing" && matches!(param, Some("payment_method" | "customer"));
    is_gone || HARD.contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chg_2_declines_are_soft_hard_or_the_payers() {
        use DeclineKind::{Hard, NeedsPayer, Soft};
        for (code, decline_code, advice, expected) in [
            ("card_declined", Some("insufficient_funds"), None, Soft),
            ("card_declined", Some("insufficient_funds"), Some("try_again_later"), Soft),
            ("card_declined", Some("insufficient_funds"), Some("do_not_try_again"), Hard),
            ("card_declined", Some("generic_decline"), None, Soft),
            ("card_declined", Some("generic_decline"), Some("confirm_card_data"), NeedsPayer),
            ("card_declined", Some("lost_card"), None, Hard),
            ("card_declined", Some("lost_card"), Some("try_again_later"), Hard),
            (
                "card_declined",
                Some("authentication_required"),
                Some("do_not_try_again"),
                NeedsPayer,
            ),
            ("authentication_required", None, None, NeedsPayer),
            ("expired_card", None, None, Hard),
            ("processing_error", None, None, Soft),
            ("account_closed", None, None, Hard),
            ("debit_not_authorized", None, None, Hard),
            ("insufficient_funds", None, None, Soft),
            ("payment_intent_mandate_invalid", None, None, Hard),
            ("something_new", Some("newer_still"), None, Soft),
        ] {
            let found = decline(Some(code), decline_code, advice, None);
            assert_eq!(found.kind, expected, "for {code} {decline_code:?} {advice:?}");
            assert_eq!(found.code, decline_code.unwrap_or(code));
        }
        assert_eq!(decline(None, None, None, None).code, "no code");
    }

    #[test]
    fn chg_1_a_method_that_is_gone_is_told_from_another_mistake() {
        assert!(is_about_method("resource_missing", Some("payment_method")));
        assert!(is_about_method("resource_missing", Some("customer")));
        assert!(is_about_method("payment_method_bank_account_blocked", None));
        assert!(!is_about_method("resource_missing", Some("id")));
        assert!(!is_about_method("parameter_unknown", Some("payment_method")));
        assert!(HARD.is_sorted());
    }
}
