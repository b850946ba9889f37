//! Mails to staff: what happened at their clients, in a few lines (STAFF-1).
//!
//! They are no letters of the firm: they have no kind, no language and no template of a firm's own. A
//! client stands in one line of each part, however much happened, and leads to its page; whoever reads it signs
//! in there. No line holds a reason, an address or a token.

use std::sync::LazyLock;

use domain::calendar::Day;
use domain::tell::Matter;
use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use serde::Serialize;

use crate::templates::{LetterError, Rendered, bare_environment, without_gaps};
use crate::view::one_line;

/// The most clients in one part of a mail: what somebody reads. The rest is counted, and shows on the pages.
pub const MAX_LINES: usize = 25;

/// What a mail says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffFacts {
    /// Where.
    pub firm: String,
    /// Who reads it.
    pub reader: String,
    /// On which day.
    pub day: Day,
    /// Whether it is the day's digest; else one thing that waits for a decision.
    pub is_digest: bool,
    /// Of the firm and no client: what waits because its ledger is too old, and where that is mended (FRESH-1).
    pub waits: Option<Waits>,
    /// What happened, in the order of [`Matter::ALL`]; at least one, unless something waits.
    pub parts: Vec<Part>,
    /// How many tasks of the reader's clients are open in all, in a digest.
    pub open_tasks: usize,
    /// Where tasks are.
    pub tasks_link: String,
    /// Where the reader chooses which mails to get.
    pub choice_link: String,
}

/// What waits for somebody at the firm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waits {
    /// What, in a sentence.
    pub what: String,
    /// Where it is mended.
    pub link: String,
}

/// What happened in one matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Which.
    pub matter: Matter,
    /// Client by client, the reader's own to do first.
    pub lines: Vec<Line>,
}

/// What happened at one client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The client's name.
    pub client: String,
    /// What.
    pub what: Vec<String>,
    /// Where it is looked at.
    pub link: String,
    /// Whether it is the reader's to do.
    pub is_yours: bool,
}

#[derive(Serialize)]
struct PartView {
    title: &'static str,
    lines: Vec<Line>,
    more: usize,
}

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = bare_environment();
    for (name, source) in [
        ("staff.txt", include_str!("../templates/staff/staff.txt")),
        ("staff.html", include_str!("../templates/staff/staff.html")),
    ] {
        // A test renders each of them, so none is missing at run time.
        environment.add_template(name, source).ok();
    }
    environment
});

/// Puts a mail to staff into words.
///
/// # Errors
/// [`LetterError::Template`]: a mistake of the program.
pub fn render(facts: &StaffFacts) -> Result<Rendered, LetterError> {
    let subject = subject(facts);
    let parts: Vec<_> = facts.parts.iter().map(PartView::of).collect();
    let view = context! {
        language => "en",
        subject => &*subject,
        firm => one_line(&facts.firm),
        reader => one_line(&facts.reader),
        day => facts.day.format("%B %-d, %Y").to_string(),
        is_digest => facts.is_digest,
        waits => Value::from(Serde(&facts.waits)),
        parts => Value::from(Serde(parts)),
        open_tasks => facts.open_tasks,
        tasks_link => &*facts.tasks_link,
        choice_link => &*facts.choice_link,
    };
    let part = |name| ENVIRONMENT.get_template(name)?.render(&view);
    let (text, html) =
        (without_gaps(&part("staff.txt")?, 1), without_gaps(&part("staff.html")?, 0));
    Ok(Rendered { subject, text, html })
}

/// What waits first, so that it shows in a list of mails.
fn subject(facts: &StaffFacts) -> String {
    let lines = |part: &Part| part.lines.len();
    if !facts.is_digest {
        let clients = facts.parts.iter().flat_map(|part| &part.lines);
        let mut names: Vec<_> = clients.map(|line| one_line(&line.client)).collect();
        names.dedup();
        return format!("To decide: {}", names.join(", "));
    }
    let counts = facts.parts.iter().map(|part| count(part.matter, lines(part)));
    let waits = facts.waits.iter().map(|_| "ledger too old".to_owned());
    let counts: Vec<_> = waits.chain(counts).collect();
    let day = facts.day.format("%B %-d");
    format!("{}, {day}: {}", one_line(&facts.firm), counts.join(", "))
}

fn count(matter: Matter, clients: usize) -> String {
    let (one, many) = match matter {
        Matter::Decision => ("to decide", "to decide"),
        Matter::Task => ("with a task", "with tasks"),
        Matter::Portal => ("portal", "portals"),
        Matter::Answer => ("answer", "answers"),
        Matter::Bounce => ("bounce", "bounces"),
        Matter::Letter => ("written to", "written to"),
    };
    format!("{clients} {}", if clients == 1 { one } else { many })
}

impl PartView {
    fn of(part: &Part) -> Self {
        let title = match part.matter {
            Matter::Decision => "Waiting for a decision",
            Matter::Task => "New tasks",
            Matter::Portal => "Portals closed and opened",
            Matter::Answer => "Answers of clients",
            Matter::Bounce => "Letters that came back",
            Matter::Letter => "Letters sent",
        };
        let named = |line: &Line| Line { client: one_line(&line.client), ..line.clone() };
        let lines: Vec<_> = part.lines.iter().take(MAX_LINES).map(named).collect();
        Self { title, more: part.lines.len() - lines.len(), lines }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(client: &str, what: &[&str], is_yours: bool) -> Line {
        let what = what.iter().map(|&what| what.to_owned()).collect();
        let link = "https://portal.example/console/clients/acme".to_owned();
        Line { client: client.to_owned(), what, link, is_yours }
    }

    fn facts(parts: Vec<Part>) -> StaffFacts {
        StaffFacts {
            firm: "Harbor & Pine CPAs".to_owned(),
            reader: "bea".to_owned(),
            day: "2026-07-01".parse().unwrap(),
            is_digest: true,
            waits: None,
            parts,
            open_tasks: 7,
            tasks_link: "https://portal.example/console/tasks".to_owned(),
            choice_link: "https://portal.example/console/mails".to_owned(),
        }
    }

    #[test]
    fn staff_1_a_digest() {
        let one = |matter, line| Part { matter, lines: vec![line] };
        let digest = facts(vec![
            one(
                Matter::Decision,
                line("Acme <Corp>", &["everything overdue is paid, ask for the unlock"], true),
            ),
            one(Matter::Task, line("Bolt", &["asks for its own records"], false)),
            one(
                Matter::Portal,
                line("Bolt", &["portal locked, 1 unpaid invoice over 30 days"], false),
            ),
            one(Matter::Answer, line("Cove", &["promises to pay by Jul 9, 2026"], false)),
            one(
                Matter::Bounce,
                line("Dune", &["a letter came back, its address takes no more mail"], false),
            ),
            one(Matter::Letter, line("Bolt", &["demand letter", "receipt"], false)),
        ]);
        let rendered = render(&digest).unwrap();
        insta::assert_snapshot!("staff_digest_subject", rendered.subject);
        insta::assert_snapshot!("staff_digest_text", rendered.text);
        insta::assert_snapshot!("staff_digest_html", rendered.html);
    }

    #[test]
    fn staff_1_what_waits_for_a_decision() {
        let asked = line("Acme", &["bea asks for the unlock"], true);
        let mut facts = facts(vec![Part { matter: Matter::Decision, lines: vec![asked] }]);
        (facts.is_digest, facts.open_tasks) = (false, 0);
        let rendered = render(&facts).unwrap();
        insta::assert_snapshot!("staff_decision_subject", rendered.subject);
        insta::assert_snapshot!("staff_decision_text", rendered.text);
        insta::assert_snapshot!("staff_decision_html", rendered.html);
    }

    #[test]
    fn fresh_1_a_digest_says_first_that_the_ledger_is_too_old_if_only_that_is_new() {
        let what = "The ledger was never brought up to date: notices, demands and locks wait.";
        let link = "https://portal.example/console/import".to_owned();
        let digest =
            StaffFacts { waits: Some(Waits { what: what.to_owned(), link }), ..facts(Vec::new()) };
        let rendered = render(&digest).unwrap();
        insta::assert_snapshot!("staff_ledger_subject", rendered.subject);
        insta::assert_snapshot!("staff_ledger_text", rendered.text);
        insta::assert_snapshot!("staff_ledger_html", rendered.html);
    }

    #[test]
    fn staff_1_a_thousand_letters_are_a_few_lines() {
        let lines = (0..1_000).map(|n| line(&format!("C{n}"), &["notice"], false)).collect();
        let rendered = render(&facts(vec![Part { matter: Matter::Letter, lines }])).unwrap();
        assert!(rendered.text.contains("and 975 more"), "{}", rendered.text);
        assert!(rendered.html.contains("and 975 more"), "{}", rendered.html);
        assert!(rendered.html.len() < 20_000, "{}", rendered.html.len());
        assert!(rendered.subject.ends_with(": 1000 written to"), "{}", rendered.subject);
    }

    #[test]
    fn staff_1_a_name_adds_no_line_to_a_subject() {
        let asked = line("Acme\r\nBcc: x@y.example", &["bea asks for the unlock"], true);
        let mut facts = facts(vec![Part { matter: Matter::Decision, lines: vec![asked] }]);
        facts.is_digest = false;
        assert!(!render(&facts).unwrap().subject.contains(['\r', '\n']));
    }
}
