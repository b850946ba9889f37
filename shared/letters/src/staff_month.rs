//! A mail to partners: the numbers of a month, held against what is aimed at (KPI-1).

use std::sync::LazyLock;

use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use serde::Serialize;

use crate::templates::{LetterError, Rendered, bare_environment, without_gaps};
use crate::view::one_line;

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonthFacts {
    /// Where.
    pub firm: String,
    /// Who reads it.
    pub reader: String,
    /// Which month: `March 2026`.
    pub month: String,
    /// Whether all of its days are counted.
    pub is_whole: bool,
    /// Its numbers.
    pub lines: Vec<MonthLine>,
    /// On which day the book was counted.
    pub owed_on: String,
    /// What was owed then, a sentence for each currency.
    pub owed: Vec<String>,
    /// Where all of it is.
    pub link: String,
    /// Where the reader chooses which mails to get.
    pub choice_link: String,
}

/// A number of a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MonthLine {
    /// Its name.
    pub name: String,
    /// The number, with its unit.
    pub value: String,
    /// How many it is of.
    pub of: String,
    /// What is aimed at.
    pub target: Option<String>,
    /// `met` or `not met`, where that is known.
    pub met: Option<&'static str>,
    /// The number of the month before, if it had one.
    pub before: Option<String>,
}

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = bare_environment();
    for (name, source) in [
        ("head.html", include_str!("../templates/head.html")),
        ("month.txt", include_str!("../templates/staff/month.txt")),
        ("month.html", include_str!("../templates/staff/month.html")),
    ] {
        // A test renders each of them, so none is missing at run time.
        environment.add_template(name, source).ok();
    }
    environment
});

/// Puts it into words.
///
/// # Errors
/// [`LetterError::Template`]: a mistake of the program.
pub fn render(facts: &MonthFacts) -> Result<Rendered, LetterError> {
    let missed = facts.lines.iter().filter(|line| line.met == Some("not met")).count();
    let firm = one_line(&facts.firm);
    let subject = match missed {
        0 => format!("{firm}, {}: the month in numbers", facts.month),
        1 => format!("{firm}, {}: 1 target missed", facts.month),
        missed => format!("{firm}, {}: {missed} targets missed", facts.month),
    };
    let named = |line: &MonthLine| MonthLine { name: one_line(&line.name), ..line.clone() };
    let lines: Vec<_> = facts.lines.iter().map(named).collect();
    let view = context! {
        language => "en",
        subject => &*subject,
        firm,
        reader => one_line(&facts.reader),
        month => &*facts.month,
        is_whole => facts.is_whole,
        lines => Value::from(Serde(lines)),
        owed_on => &*facts.owed_on,
        owed => &facts.owed,
        link => &*facts.link,
        choice_link => &*facts.choice_link,
    };
    let part = |name| ENVIRONMENT.get_template(name)?.render(&view);
    let text = without_gaps(&part("month.txt")?, 1);
    let html = without_gaps(&part("month.html")?, 0);
    Ok(Rendered { subject, text, html })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> MonthFacts {
        let line = |name: &str, value: &str, target: Option<&str>, met| MonthLine {
            name: name.to_owned(),
            value: value.to_owned(),
            of: "12 invoices".to_owned(),
            target: target.map(ToOwned::to_owned),
            met,
            before: None,
        };
        MonthFacts {
            firm: "Harbor & Pine CPAs".to_owned(),
            reader: "pat".to_owned(),
            month: "June 2026".to_owned(),
            is_whole: true,
            lines: vec![
                MonthLine {
                    before: Some("29.4".to_owned()),
                    ..line(
                        "Days from issue to payment, tax <b>",
                        "17.1",
                        Some("at most 14"),
                        Some("not met"),
                    )
                },
                line("Clients locked by the rule", "4.0 %", Some("under 5 %"), Some("met")),
                line("From full payment to unlock", "–", None, None),
            ],
            owed_on: "Jul 1, 2026".to_owned(),
            owed: vec!["1,200.00 USD, 200.00 USD of it over 90 days".to_owned()],
            link: "https://portal.example/console/reports".to_owned(),
            choice_link: "https://portal.example/console/mails".to_owned(),
        }
    }

    #[test]
    fn kpi_1_a_month_in_a_mail() {
        let rendered = render(&facts()).unwrap();
        insta::assert_snapshot!(format!("{}\n\n{}", rendered.subject, rendered.text), @"
        Harbor & Pine CPAs, June 2026: 1 target missed

        Hello pat,

        these are the numbers of June 2026.

        - Days from issue to payment, tax <b>: 17.1 (12 invoices); target at most 14, not met; the month before 29.4
        - Clients locked by the rule: 4.0 % (12 invoices); target under 5 %, met
        - From full payment to unlock: – (12 invoices)

        Owed on Jul 1, 2026
        - 1,200.00 USD, 200.00 USD of it over 90 days

        All of it, with charts and as a file: https://portal.example/console/reports

        Harbor & Pine CPAs

        You get this because you are a partner. Choose which of these mails you get: https://portal.example/console/mails
        ");
        assert!(rendered.html.contains("tax &lt;b&gt;"), "{}", rendered.html);
        assert!(rendered.html.trim_end().ends_with("</html>"));
        let part = MonthFacts { is_whole: false, lines: Vec::new(), owed: Vec::new(), ..facts() };
        let rendered = render(&part).unwrap();
        assert!(rendered.text.contains("as far as its days are counted"), "{}", rendered.text);
        assert!(rendered.subject.ends_with(": the month in numbers"), "{}", rendered.subject);
    }
}
