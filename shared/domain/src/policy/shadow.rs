//! What an evaluation does to a client, in words: for a shadow, which does nothing of it (POL-7).

use std::collections::BTreeSet;

use crate::event::Event;
use crate::letter::{Content, LetterKind};

/// What those events do to the client or ask of staff, each once: `lock`, `unlock`, the kind of a letter about a
/// debt, the kind of a task. What only marks something is left out.
pub fn acts(events: &[Event]) -> BTreeSet<String> {
    let mut acts = BTreeSet::new();
    for event in events {
        match event {
            Event::Locked { .. } => {
                acts.insert("lock".to_owned());
            }
            Event::Unlocked { .. } => {
                acts.insert("unlock".to_owned());
            }
            Event::LetterQueued(letter) => {
                if let Content::Debt { parts } = &letter.content {
                    acts.extend(
                        parts.iter().map(|part| LetterKind::from(part.kind).as_str().to_owned()),
                    );
                }
            }
            Event::LetterExtended { part, .. } => {
                acts.insert(LetterKind::from(part.kind).as_str().to_owned());
            }
            Event::TaskOpened(task) => {
                acts.insert(task.about.kind().to_owned());
            }
            // Facts, marks and ends: nobody is written to, locked or asked by them.
            _ => {}
        }
    }
    acts
}
