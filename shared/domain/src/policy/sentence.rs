//! A policy's lock and unlock in one sentence, for people who look at what is in force.

use super::{AutoCharge, ChargeWhen, LockRule, LockScope, Policy, Require, UnlockMode, UnlockRule};
use crate::invoice::InvoiceKind;

impl Policy {
    /// When the portal locks and how it opens again, such as "Locks at 30 days overdue or at 3 unpaid
    /// invoices, 3 days after a warning at the earliest; opens again when a partner approves what
    /// somebody else asked for." (LOCK-1, LOCK-7, LOCK-9, UNL-1, UNL-3)
    pub fn sentence(&self) -> String {
        let opens = opens(&self.unlock);
        let locks = match triggers(self) {
            Some(triggers) => {
                let (each, warned) = (each(&self.lock), warned(&self.lock));
                format!("Locks {each}{triggers}{warned}; {opens}.")
            }
            None => format!("Never locks by itself; a lock by hand {opens}."),
        };
        format!("{locks}{}", charges(self))
    }
}

/// When saved methods are charged, if they are (CHG-1).
fn charges(policy: &Policy) -> String {
    let of = |rule: &AutoCharge| {
        let when = match rule.when {
            ChargeWhen::OnIssue => "when an invoice is issued",
            ChargeWhen::OnDue => "when an invoice is due",
        };
        let days: Vec<_> = rule.retry_days.iter().map(u32::to_string).collect();
        match days.as_slice() {
            [] => when.to_owned(),
            [day] if day == "1" => format!("{when}, and again 1 day later"),
            days => format!("{when}, and again {} days later", days.join(", ")),
        }
    };
    let (regular, out_of_turn) = (&policy.regular.auto_charge, &policy.out_of_turn.auto_charge);
    match (regular.as_ref().map(of), out_of_turn.as_ref().map(of)) {
        (None, None) => String::new(),
        (Some(regular), Some(out_of_turn)) if regular == out_of_turn => {
            format!(" Charges saved methods {regular}.")
        }
        (Some(regular), Some(out_of_turn)) => {
            format!(" Charges saved methods {regular} (out of turn: {out_of_turn}).")
        }
        (Some(regular), None) => format!(" Charges saved methods {regular} (out of turn: never)."),
        (None, Some(out_of_turn)) => {
            format!(" Charges saved methods {out_of_turn} (regular: never).")
        }
    }
}

/// What is locked, where it isn't the client (LOCK-5).
fn each(lock: &LockRule) -> &'static str {
    match lock.scope {
        LockScope::Client => "",
        LockScope::ServiceLines => "each service line by itself ",
    }
}

fn triggers(policy: &Policy) -> Option<String> {
    let lock = &policy.lock;
    let days = days_rule(policy);
    let invoices = lock.unpaid_invoices.map(|number| format!("at {}", unpaid(number)));
    let balance = lock.balance.as_ref().map(|amounts| {
        let amounts: Vec<_> = amounts.values().map(|amount| amount.for_person()).collect();
        format!("at {} overdue", amounts.join(" or "))
    });
    let on: Vec<_> = [days, invoices, balance].into_iter().flatten().collect();
    let between = match lock.require {
        Require::Any => " or ",
        Require::All => " and ",
    };
    (!on.is_empty()).then(|| on.join(between))
}

/// The days rule, where a kind's `lock` steps stand in place of the shared number (POL-3).
fn days_rule(policy: &Policy) -> Option<String> {
    let of = |kind| policy.lock_steps(kind).map(|(_, days, _)| days).min();
    let of = |kind| of(kind).or(policy.lock.days_overdue);
    let overdue = |days| format!("at {}", count(days, "day", "overdue"));
    match (of(InvoiceKind::Regular), of(InvoiceKind::OutOfTurn)) {
        (None, None) => None,
        (Some(regular), Some(out_of_turn)) if regular == out_of_turn => Some(overdue(regular)),
        (Some(regular), Some(out_of_turn)) => {
            Some(format!("{} (out of turn: {out_of_turn})", overdue(regular)))
        }
        (Some(regular), None) => Some(format!("{} (out of turn: never)", overdue(regular))),
        (None, Some(out_of_turn)) => Some(format!("{} (regular: never)", overdue(out_of_turn))),
    }
}

fn unpaid(number: u32) -> String {
    if number == 1 { "1 unpaid invoice".to_owned() } else { format!("{number} unpaid invoices") }
}

fn count(number: u32, what: &str, rest: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural} {rest}")
}

fn warned(lock: &LockRule) -> String {
    match lock.after_notice_days {
        0 => ", with or without a warning".to_owned(),
        days => format!(", {} at the earliest", count(days, "day", "after a warning")),
    }
}

fn opens(unlock: &UnlockRule) -> &'static str {
    match (unlock.mode, unlock.four_eyes) {
        (UnlockMode::OnPayment, _) => "opens again once everything overdue is paid",
        (UnlockMode::Approval, true) => {
            "opens again when a partner approves what somebody else asked for"
        }
        (UnlockMode::Approval, false) => "opens again when a partner approves",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::read::preset;
    use crate::policy::{Action, Step, When};

    #[test]
    fn pol_5_a_policy_in_one_sentence() {
        let cpa = preset("cpa").unwrap();
        let with = |change: &dyn Fn(&mut Policy)| {
            let mut policy = cpa.clone();
            change(&mut policy);
            policy.sentence()
        };
        let opens = "opens again when a partner approves what somebody else asked for.";
        for (sentence, expected) in [
            (
                with(&|_| {}),
                "Locks at 30 days overdue or at 3 unpaid invoices, 3 days after a warning at the earliest; ",
            ),
            (
                with(&|policy| {
                    policy.lock.days_overdue = Some(1);
                    policy.lock.require = Require::All;
                    policy.lock.after_notice_days = 1;
                }),
                "Locks at 1 day overdue and at 3 unpaid invoices, 1 day after a warning at the earliest; ",
            ),
            (
                with(&|policy| {
                    policy.lock.unpaid_invoices = None;
                    policy.lock.after_notice_days = 0;
                }),
                "Locks at 30 days overdue, with or without a warning; ",
            ),
            (
                with(&|policy| policy.lock.scope = LockScope::ServiceLines),
                "Locks each service line by itself at 30 days overdue or at 3 unpaid invoices, 3 days after a warning at the earliest; ",
            ),
            (
                with(&|policy| {
                    policy.lock.days_overdue = None;
                    policy.lock.unpaid_invoices = None;
                }),
                "Never locks by itself; a lock by hand ",
            ),
            (
                with(&|policy| {
                    policy.lock.unpaid_invoices = None;
                    policy.regular.steps.push(Step::new(When::DaysOverdue(40), Action::Lock));
                }),
                "Locks at 40 days overdue (out of turn: 30), 3 days after a warning at the earliest; ",
            ),
            (
                with(&|policy| {
                    policy.lock.days_overdue = None;
                    policy.lock.unpaid_invoices = None;
                    policy.out_of_turn.steps.push(Step::new(When::DaysOverdue(10), Action::Lock));
                }),
                "Locks at 10 days overdue (regular: never), 3 days after a warning at the earliest; ",
            ),
        ] {
            assert_eq!(sentence, format!("{expected}{opens}"));
        }
        let retries = |when, days: &[u32]| {
            Some(AutoCharge { when, retry_days: days.iter().copied().collect() })
        };
        for (regular, out_of_turn, expected) in [
            (
                retries(ChargeWhen::OnDue, &[3, 5]),
                None,
                "Charges saved methods when an invoice is due, and again 3, 5 days later (out of turn: never).",
            ),
            (
                retries(ChargeWhen::OnIssue, &[]),
                retries(ChargeWhen::OnIssue, &[]),
                "Charges saved methods when an invoice is issued.",
            ),
            (
                None,
                retries(ChargeWhen::OnIssue, &[1]),
                "Charges saved methods when an invoice is issued, and again 1 day later (regular: never).",
            ),
        ] {
            let sentence = with(&|policy| {
                policy.regular.auto_charge = regular.clone();
                policy.out_of_turn.auto_charge = out_of_turn.clone();
            });
            assert!(sentence.ends_with(expected), "{sentence}");
        }
        for (mode, four_eyes, expected) in [
            (UnlockMode::OnPayment, true, "opens again once everything overdue is paid."),
            (UnlockMode::Approval, false, "opens again when a partner approves."),
        ] {
            let sentence = with(&|policy| {
                policy.unlock.mode = mode;
                policy.unlock.four_eyes = four_eyes;
            });
            assert!(sentence.ends_with(expected), "{sentence}");
        }
    }
}
