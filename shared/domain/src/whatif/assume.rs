//! What a book doesn't say, and is assumed; each of it is printed with what comes of it.

use super::response::Response;

/// What is assumed of people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assumed {
    /// Working days between UNL-1's test and the partner's approval of the unlock, where the policy wants one; `None`:
    /// nobody ever approves.
    pub unlock_days: Option<u32>,
    /// Whether a partner approves each step that waits for it on the day it comes up.
    pub approves_steps: bool,
    /// What becomes of a run over the caps.
    pub held: Held,
    /// Who pays because of a letter.
    pub responses: Vec<Response>,
}

impl Default for Assumed {
    fn default() -> Self {
        Self {
            unlock_days: Some(0),
            approves_steps: false,
            held: Held::Approved,
            responses: Vec::new(),
        }
    }
}

/// What becomes of a run that would lock or demand too much at once (LOCK-10).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Held {
    /// A partner approves it that day.
    #[default]
    Approved,
    /// Nobody does: its locks and demands wait, and are looked at again each day.
    Waits,
}

impl Assumed {
    /// Each assumption in a sentence.
    pub fn sentences(&self) -> Vec<String> {
        let mut sentences = vec![
            match self.unlock_days {
                Some(0) => "Where the policy wants an approval to open a portal, it is asked for and given on the first \
                            working day on which nothing overdue stands against it."
                    .to_owned(),
                Some(days) => format!(
                    "Where the policy wants an approval to open a portal, it is asked for and given {days} working \
                     day{} after nothing overdue stands against it.",
                    if days == 1 { "" } else { "s" }
                ),
                None => "Where the policy wants an approval to open a portal, nobody gives it.".to_owned(),
            },
            match self.approves_steps {
                true => "A partner approves each step that waits for it on the day on which it comes up; referrals to \
                         collections and proposals to close stay undecided."
                    .to_owned(),
                false => "No partner approves a step that waits for it: such letters never leave.".to_owned(),
            },
            match self.held {
                Held::Approved => "A run that would lock or demand too much at once is approved by a partner that day."
                    .to_owned(),
                Held::Waits => "A run that would lock or demand too much at once is approved by nobody: its locks and \
                                demands wait until a day's run is within the caps."
                    .to_owned(),
            },
        ];
        sentences.extend(self.responses.iter().map(Response::sentence));
        if self.responses.is_empty() {
            sentences.push("Nobody pays sooner or later because of a letter or a lock.".to_owned());
        }
        sentences
    }
}
