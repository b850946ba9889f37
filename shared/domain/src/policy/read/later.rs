//! What the contract names and nothing builds yet: known, and accepted at its default alone.
//!
//! Building one of these begins with moving its field out of here. The
//! defaults are written with every policy, so that a document of today means the same to a later release.

use crate::document::{DocumentError, Field, Fields};

pub(super) fn document(fields: &mut Fields<'_>) -> Result<(), DocumentError> {
    fields.optional("access_on_pending_debit", |field| only(field, !field.flag()?, "false"))?;
    Ok(())
}

fn only(field: &Field<'_>, is_default: bool, default: &str) -> Result<(), DocumentError> {
    if is_default {
        return Ok(());
    }
    let value = field.node().to_json();
    Err(field.error(format!("{value} is not yet supported, expected {default}")))
}

#[cfg(test)]
mod tests {
    use super::super::read_text;
    use crate::policy::Policy;

    fn refusal(text: &str) -> String {
        read_text(text).expect_err(text).to_string()
    }

    #[test]
    fn pol_2_what_is_not_built_yet_is_known_and_refused_by_name() {
        for text in [
            "access_on_pending_debit: false",
            "access_on_pending_debit: off",
            "late_fee: off",
            "late_fee: none",
            "limits: {capabilities: [statements, documents]}",
            "limits: {capabilities: [documents, statements]}",
            "lock: {notify_before: []}",
            "lock: {notify_before: off}",
            "lock: {scope: client}",
            "lock: {max_share_per_run: \"0.10\"}",
            "lock: {max_share_per_run: \"0.1\"}",
            "lock: {min_locks_for_cap: 5}",
            "letters: {consolidate_over_clients: false}",
            "letters: {max_per_run: 500}",
            "regular: {auto_charge: never}",
            "out_of_turn: {auto_charge: off}",
        ] {
            assert_eq!(read_text(text), Ok(Policy::default()), "for {text}");
        }
        let message = refusal("access_on_pending_debit: true");
        let expected = "line 1: access_on_pending_debit: true is not yet supported, expected false";
        assert_eq!(message, expected);
        // What will never be supported isn't promised.
        for (text, expected) in [
            (
                "lock: {scope: planet}",
                "lock.scope: expected client or service_lines, got \"planet\"",
            ),
            (
                "lock: {max_share_per_run: 0.10}",
                "lock.max_share_per_run: expected a share from \"0\" to \"1\", in quotes",
            ),
            ("lock: {max_share_per_run: \"1.1\"}", "lock.max_share_per_run: expected a share"),
            ("lock: {min_locks_for_cap: -1}", "lock.min_locks_for_cap: expected a whole number"),
            ("lock: {notify_before: [x]}", "lock.notify_before[0]: expected a whole number"),
            ("letters: {max_per_run: many}", "letters.max_per_run: expected a whole number"),
            ("access_on_pending_debit: maybe", "access_on_pending_debit: expected true or false"),
            ("limits: off", "limits: expected a mapping"),
            ("regular: {auto_charge: on_due}", "regular.auto_charge: expected never, or {when:"),
            (
                "regular: {auto_charge: {when: sometimes}}",
                "regular.auto_charge.when: expected on_issue or on_due, got \"sometimes\"",
            ),
            (
                "regular: {auto_charge: {when: on_due, retry_days: [3, 3]}}",
                "regular.auto_charge.retry_days[1]: 3 is there twice",
            ),
            (
                "regular: {auto_charge: {when: on_due, retry_days: [0]}}",
                "regular.auto_charge.retry_days[0]: expected a whole number",
            ),
        ] {
            let message = refusal(text);
            assert!(message.starts_with(&format!("line 1: {expected}")), "for {text}: {message}");
        }
    }
}
