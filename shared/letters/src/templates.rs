//! Rendering: facts and templates into a subject, a text and an HTML body.
//!
//! The built-in templates are compiled once, when the first letter is written. A name that a template
//! uses and the letter doesn't have is an error, never a gap (strict undefined); a fact that is there
//! but absent (no phone) prints nothing. HTML escapes whatever it prints.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use domain::money::MoneyError;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, escape_formatter};

use crate::check::{Part, TemplateError, check_template};
use crate::facts::{Language, LetterFacts};
use crate::view::View;
use domain::letter::LetterKind;

/// A letter in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line.
    pub subject: String,
    /// For those who read text.
    pub text: String,
    /// For everybody else.
    pub html: String,
}

/// Why a letter could not be put into words.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    /// A letter about invoices has one.
    #[error("the letter is about no invoice")]
    NoInvoices,
    /// A plan has one.
    #[error("the plan has no instalment")]
    NoInstalments,
    /// Amounts that can't be: more paid than owed, or two currencies in one.
    #[error("the letter's amounts do not fit together")]
    Money(#[from] MoneyError),
    /// Not an address that a letter may point to.
    #[error("{0:?} is not an address that a letter may point to, expected https://…")]
    Link(String),
    /// A template that can't be rendered with these facts.
    #[error("the template could not be rendered")]
    Template(#[from] minijinja::Error),
}

/// The templates of a firm: the built-in ones, and its own in place of some.
#[derive(Clone)]
pub struct Templates {
    environment: Environment<'static>,
    own: BTreeSet<String>,
}

static BUILT_IN: LazyLock<Templates> = LazyLock::new(Templates::load);

/// Puts a letter into words, with the built-in templates.
///
/// # Errors
/// When the facts contradict each other.
pub fn render(facts: &LetterFacts) -> Result<Rendered, LetterError> {
    BUILT_IN.render(facts)
}

impl Templates {
    /// The built-in ones.
    pub fn built_in() -> Self {
        BUILT_IN.clone()
    }

    /// With the firm's own template for that part of that letter.
    ///
    /// # Errors
    /// When [`check_template`] refuses it.
    pub fn with(
        mut self,
        kind: LetterKind,
        language: Language,
        part: Part,
        source: &str,
    ) -> Result<Self, TemplateError> {
        check_template(kind, part, source)?;
        self.add(name(kind, language, part), part, source)?;
        Ok(self)
    }

    /// Puts a letter into words.
    ///
    /// # Errors
    /// When the facts contradict each other.
    pub fn render(&self, facts: &LetterFacts) -> Result<Rendered, LetterError> {
        let view = Value::from(Serde(View::of(facts)?));
        let subject = self.part(facts, Part::Subject, &view)?;
        let subject = subject.split_whitespace().collect::<Vec<_>>().join(" ");
        let text = without_gaps(&self.part(facts, Part::Text, &view)?, 1);
        let with_subject = minijinja::context! { subject => subject.clone(), ..view };
        let html = without_gaps(&self.part(facts, Part::Html, &with_subject)?, 0);
        Ok(Rendered { subject, text, html })
    }

    fn part(
        &self,
        facts: &LetterFacts,
        part: Part,
        view: &Value,
    ) -> Result<String, minijinja::Error> {
        let mut name = name(facts.kind(), facts.language, part);
        if self.own.contains(&name) {
            name.insert_str(0, OWN);
        }
        self.environment.get_template(&name)?.render(view.clone())
    }

    /// Adds a firm's own source; of an HTML one only what is inside the letter is the firm's.
    fn add(&mut self, name: String, part: Part, source: &str) -> Result<(), minijinja::Error> {
        let source = match part {
            Part::Subject | Part::Text => source.to_owned(),
            Part::Html => {
                format!(
                    "{{% extends \"layout.html\" %}}{{% block letter %}}{source}{{% endblock %}}"
                )
            }
        };
        self.environment.add_template_owned(format!("{OWN}{name}"), source)?;
        self.own.insert(name);
        Ok(())
    }

    fn load() -> Self {
        let mut environment = bare_environment();
        for (name, source) in SOURCES {
            // A test renders each of them, so none is missing at run time.
            environment.add_template(name, source).ok();
        }
        Self { environment, own: BTreeSet::new() }
    }

    pub(crate) fn for_trial(part: Part, source: &str) -> Result<(Self, String), minijinja::Error> {
        let mut templates = Self::built_in();
        let name = match part {
            Part::Subject | Part::Text => "trial.txt",
            Part::Html => "trial.html",
        };
        templates.add(name.to_owned(), part, source)?;
        Ok((templates, format!("{OWN}{name}")))
    }

    pub(crate) fn try_rendering(
        &self,
        name: &str,
        facts: &LetterFacts,
    ) -> Result<String, LetterError> {
        let view = Value::from(Serde(View::of(facts)?));
        let view = minijinja::context! { subject => "", ..view };
        Ok(self.environment.get_template(name)?.render(view)?)
    }
}

/// Where a firm's own templates are, so that they can be told from the built-in ones.
const OWN: &str = "own/";

fn name(kind: LetterKind, language: Language, part: Part) -> String {
    let Language::En = language; // the next language gets a folder of its own
    let ending = match part {
        Part::Subject => "subject.txt",
        Part::Text => "txt",
        Part::Html => "html",
    };
    format!("{}.{ending}", kind.as_str())
}

/// The rules of all templates, and how each page begins; names that end in `.html` are escaped.
pub(crate) fn bare_environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_formatter(|out, state, value| {
        if value.is_none() {
            return Ok(());
        }
        match value.as_str() {
            Some(text) if matches!(state.auto_escape(), AutoEscape::Html) && !value.is_safe() => {
                out.write_str(&escaped(text)).map_err(Into::into)
            }
            _ => escape_formatter(out, state, value),
        }
    });
    // Each HTML letter includes it, so none is missing at run time.
    environment.add_template("head.html", include_str!("../templates/head.html")).ok();
    environment
}

/// Text inside HTML, quotes included. The library's own escapes each slash as well, which makes the
/// links unreadable in a letter's source, where the careful look for them.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// At most so many empty lines in a row, none at the ends, and one line feed at the end.
pub(crate) fn without_gaps(text: &str, empty_lines: usize) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut gap = 0;
    for line in text.trim().lines().map(str::trim_end) {
        if line.trim().is_empty() {
            gap += 1;
            continue;
        }
        for _ in 0..gap.min(empty_lines) {
            kept.push('\n');
        }
        gap = 0;
        kept.push_str(line);
        kept.push('\n');
    }
    kept
}

macro_rules! sources {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../templates/en/", $name)))),*]
    };
}

const SOURCES: [(&str, &str); 56] = sources![
    "layout.html",
    "invoices.html",
    "invoices.txt",
    "totals.html",
    "totals.txt",
    "pay.html",
    "lock.html",
    "lock.txt",
    "next.html",
    "next.txt",
    "closing.txt",
    "reminder.subject.txt",
    "reminder.txt",
    "reminder.html",
    "lock_notice.subject.txt",
    "lock_notice.txt",
    "lock_notice.html",
    "limit_notice.subject.txt",
    "limit_notice.txt",
    "limit_notice.html",
    "close_notice.subject.txt",
    "close_notice.txt",
    "close_notice.html",
    "notice.subject.txt",
    "notice.txt",
    "notice.html",
    "demand_letter.subject.txt",
    "demand_letter.txt",
    "demand_letter.html",
    "final_demand.subject.txt",
    "final_demand.txt",
    "final_demand.html",
    "welcome_back.subject.txt",
    "welcome_back.txt",
    "welcome_back.html",
    "receipt.subject.txt",
    "receipt.txt",
    "receipt.html",
    "payment_failed.subject.txt",
    "payment_failed.txt",
    "payment_failed.html",
    "promise_confirmation.subject.txt",
    "promise_confirmation.txt",
    "promise_confirmation.html",
    "plan_confirmation.subject.txt",
    "plan_confirmation.txt",
    "plan_confirmation.html",
    "pay_link.subject.txt",
    "pay_link.txt",
    "pay_link.html",
    "invitation.subject.txt",
    "invitation.txt",
    "invitation.html",
    "sign_in_link.subject.txt",
    "sign_in_link.txt",
    "sign_in_link.html",
];
