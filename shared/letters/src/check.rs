//! Whether a firm's own template can be used (LET-3).
//!
//! Rendering alone would find a wrong name only in the letter that needs it, so the template is read
//! first: each name in each branch must be a placeholder of that kind of letter. For that the syntax
//! tree is walked with the full sample beside it, down into loops. What a letter doesn't need
//! (macros, blocks, calls, filters that switch escaping off) is refused rather than followed. Then the
//! template is tried on the samples.

use std::collections::BTreeMap;

use minijinja::machinery::{Span, ast, parse};
use serde_json::{Value, json};

use crate::facts::LetterFacts;
use crate::sample::samples;
use crate::templates::{LetterError, Templates};
use crate::view::View;
use domain::letter::LetterKind;

/// The part of a letter that a template is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The subject.
    Subject,
    /// The text.
    Text,
    /// What is inside the HTML letter, between salutation and closing.
    Html,
}

/// The longest template: some five pages. Text and HTML of one letter have to fit a form (128 KiB) that writes most
/// punctuation in three bytes.
pub const MAX_TEMPLATE_BYTES: usize = 24 * 1024;

/// The longest template of a subject: a choice of three lines.
pub const MAX_SUBJECT_BYTES: usize = 2 * 1024;

/// The filters that a template may use; `safe` is not among them, which would switch escaping off.
const FILTERS: [&str; 5] = ["capitalize", "length", "lower", "trim", "upper"];

/// The built-in pieces that a template may include.
const TEXT_PIECES: [&str; 5] =
    ["closing.txt", "invoices.txt", "lock.txt", "next.txt", "totals.txt"];
const HTML_PIECES: [&str; 5] =
    ["invoices.html", "lock.html", "next.html", "pay.html", "totals.html"];

/// Why a template was refused.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// See [`MAX_TEMPLATE_BYTES`].
    #[error("the template has {bytes} bytes, more than {MAX_TEMPLATE_BYTES}")]
    TooLong {
        /// Its size.
        bytes: usize,
    },
    /// See [`MAX_SUBJECT_BYTES`].
    #[error("the subject has {bytes} bytes, more than {MAX_SUBJECT_BYTES}")]
    TooLongSubject {
        /// Its size.
        bytes: usize,
    },
    /// A name that this kind of letter doesn't have.
    #[error("line {line}: unknown placeholder {name:?}, the nearest known one is {nearest:?}")]
    UnknownPlaceholder {
        /// From 1.
        line: u16,
        /// As written.
        name: String,
        /// What may have been meant.
        nearest: String,
    },
    /// A filter that isn't known, or not allowed.
    #[error("line {line}: unknown filter {name:?}, the nearest known one is {nearest:?}")]
    UnknownFilter {
        /// From 1.
        line: u16,
        /// As written.
        name: String,
        /// What may have been meant.
        nearest: String,
    },
    /// A piece that isn't known, or not in this part.
    #[error("line {line}: unknown piece {name:?}, the nearest known one is {nearest:?}")]
    UnknownPiece {
        /// From 1.
        line: u16,
        /// As written.
        name: String,
        /// What may have been meant.
        nearest: String,
    },
    /// Something that holds others was printed or looped over as if it were text or a list.
    #[error("line {line}: {name:?} is {what}")]
    Misused {
        /// From 1.
        line: u16,
        /// As written.
        name: String,
        /// What it is, and what to do with it.
        what: &'static str,
    },
    /// A fact that this kind of letter has to tell.
    #[error("it does not say {what}: name {placeholder:?}")]
    Missing {
        /// What.
        what: &'static str,
        /// How it is said.
        placeholder: &'static str,
    },
    /// Something of the template language that letters don't need.
    #[error("line {line}: {what} can't be used in a letter")]
    NotAllowed {
        /// From 1.
        line: u16,
        /// What.
        what: &'static str,
    },
    /// Not a template.
    #[error("the template can't be read")]
    Syntax(#[from] minijinja::Error),
    /// It could not be tried on a sample letter.
    #[error("the template does not work on a sample letter")]
    Trial(#[source] LetterError),
}

impl TemplateError {
    /// In which line it is, if in one.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::UnknownPlaceholder { line, .. }
            | Self::UnknownFilter { line, .. }
            | Self::UnknownPiece { line, .. }
            | Self::Misused { line, .. }
            | Self::NotAllowed { line, .. } => Some(usize::from(*line)),
            Self::Syntax(error) | Self::Trial(LetterError::Template(error)) => error.line(),
            Self::TooLong { .. }
            | Self::TooLongSubject { .. }
            | Self::Missing { .. }
            | Self::Trial(_) => None,
        }
    }

    /// Why, in one sentence, with the line where that is known.
    pub fn sentence(&self) -> String {
        match self {
            Self::Syntax(error) => {
                let line = error.line().map(|line| format!("line {line}: ")).unwrap_or_default();
                let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
                format!("{line}it can't be read: {what}")
            }
            Self::Trial(LetterError::Template(error)) => {
                let line = error.line().map(|line| format!("line {line}: ")).unwrap_or_default();
                let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
                format!("{line}it does not work on a sample letter: {what}")
            }
            other => other.to_string(),
        }
    }
}

/// Whether that source can be that part of that kind of letter, and says what such a letter has to (LET-7).
///
/// # Errors
/// Those of [`check_template`], and what is missing.
pub fn check_words(kind: LetterKind, part: Part, source: &str) -> Result<(), TemplateError> {
    check_template(kind, part, source)?;
    if part == Part::Subject {
        return subject_has_words(source);
    }
    let [full, _] = samples(kind);
    let known = names(&full).map_err(TemplateError::Trial)?;
    let (templates, name) = Templates::for_trial(part, source)?;
    let said = templates.try_rendering(&name, &full).map_err(TemplateError::Trial)?;
    let said = if part == Part::Html { plain(&said) } else { said };
    for &(what, placeholder) in duties(kind) {
        let mut values = Vec::new();
        values_at(&known, placeholder, &mut values);
        if !values.iter().all(|value| said.contains(value.as_str())) {
            return Err(TemplateError::Missing { what, placeholder });
        }
    }
    Ok(())
}

/// A subject is a line, and a letter without one looks like a fraud.
fn subject_has_words(source: &str) -> Result<(), TemplateError> {
    if MAX_SUBJECT_BYTES < source.len() {
        return Err(TemplateError::TooLongSubject { bytes: source.len() });
    }
    match source.trim().is_empty() {
        true => Err(TemplateError::Missing { what: "anything", placeholder: "firm.name" }),
        false => Ok(()),
    }
}

/// What a letter of that kind has to say, whoever words it: a demand what LET-7 names, and a letter whose whole point
/// is a link that link.
fn duties(kind: LetterKind) -> &'static [(&'static str, &'static str)] {
    match kind {
        LetterKind::DemandLetter | LetterKind::FinalDemand => &[
            ("who is owed", "firm.name"),
            ("which invoices", "invoices[].number"),
            ("what of each is open", "invoices[].open"),
            ("when each was due", "invoices[].due_on"),
            ("the late fees in them", "invoices[].fees"),
            ("how much is due", "amount_due"),
            ("where to pay and to dispute", "link"),
            ("by when", "dispute_by"),
            ("what is ready and waiting", "ready[]"),
        ],
        LetterKind::PayLink => &[("where to pay", "link")],
        LetterKind::Message => &[("what is said", "lines[]")],
        LetterKind::Invitation | LetterKind::SignInLink => &[("where to sign in", "link")],
        LetterKind::Reminder
        | LetterKind::LockNotice
        | LetterKind::LimitNotice
        | LetterKind::CloseNotice
        | LetterKind::Notice
        | LetterKind::WelcomeBack
        | LetterKind::Receipt
        | LetterKind::PaymentFailed
        | LetterKind::PromiseConfirmation
        | LetterKind::PlanConfirmation => &[],
    }
}

/// What a placeholder says in a letter: several values where it stands for a list.
fn values_at(known: &Value, placeholder: &str, values: &mut Vec<String>) {
    let Some((first, rest)) = placeholder.split_once('.') else {
        match (placeholder.strip_suffix("[]"), known) {
            (Some(list), _) => {
                let elements = known.get(list).and_then(Value::as_array).into_iter().flatten();
                values.extend(elements.filter_map(Value::as_str).map(str::to_owned));
            }
            (None, _) => {
                let text = known.get(placeholder).and_then(Value::as_str);
                values.extend(text.map(str::to_owned));
            }
        }
        return;
    };
    match first.strip_suffix("[]") {
        Some(list) => {
            for element in known.get(list).and_then(Value::as_array).into_iter().flatten() {
                values_at(element, rest, values);
            }
        }
        None => values_at(known.get(first).unwrap_or(&Value::Null), rest, values),
    }
}

/// Text as it was before it was put into HTML.
fn plain(html: &str) -> String {
    let names = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    names.iter().fold(html.to_owned(), |text, (name, is)| text.replace(name, is))
}

/// Whether that source can be that part of that kind of letter.
///
/// # Errors
/// Says where it can't and, for a name that isn't known, which known one is nearest.
pub fn check_template(kind: LetterKind, part: Part, source: &str) -> Result<(), TemplateError> {
    if MAX_TEMPLATE_BYTES < source.len() {
        return Err(TemplateError::TooLong { bytes: source.len() });
    }
    let [full, _] = samples(kind);
    let known = names(&full).map_err(TemplateError::Trial)?;
    let tree = parse(source, "template", Default::default())?;
    let pieces = match part {
        Part::Subject => &[][..],
        Part::Text => &TEXT_PIECES,
        Part::Html => &HTML_PIECES,
    };
    Check { scopes: vec![known], pieces }.statement(&tree)?;
    let (templates, name) = Templates::for_trial(part, source)?;
    for facts in samples(kind) {
        templates.try_rendering(&name, &facts).map_err(TemplateError::Trial)?;
    }
    Ok(())
}

/// The placeholders of that kind of letter, such as `client.name` and `invoices[].due_on`.
pub fn placeholders(kind: LetterKind) -> Vec<String> {
    let [full, _] = samples(kind);
    let mut paths = Vec::new();
    collect("", &names(&full).unwrap_or_default(), &mut paths);
    paths
}

/// What the placeholders say in the full sample.
pub(crate) fn examples(kind: LetterKind) -> BTreeMap<String, String> {
    let [full, _] = samples(kind);
    let known = names(&full).unwrap_or_default();
    let mut examples = BTreeMap::new();
    gather("", &known, &mut examples);
    examples
}

fn gather(path: &str, value: &Value, examples: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                gather(&format!("{path}{dot}{name}"), value, examples);
            }
        }
        Value::Array(elements) => {
            let element = elements.first().unwrap_or(&Value::Null);
            gather(&format!("{path}[]"), element, examples);
        }
        Value::Null => {}
        Value::String(text) => {
            examples.insert(path.to_owned(), text.clone());
        }
        Value::Bool(_) | Value::Number(_) => {
            examples.insert(path.to_owned(), value.to_string());
        }
    }
}

fn names(full: &LetterFacts) -> Result<Value, LetterError> {
    let view = View::of(full)?;
    serde_json::to_value(&view).map_err(|error| {
        let kind = minijinja::ErrorKind::BadSerialization;
        LetterError::Template(minijinja::Error::new(kind, error.to_string()))
    })
}

fn collect(path: &str, value: &Value, paths: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                collect(&format!("{path}{dot}{name}"), value, paths);
            }
        }
        Value::Array(elements) => {
            let element = elements.first().unwrap_or(&Value::Null);
            collect(&format!("{path}[]"), element, paths);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            paths.push(path.to_owned());
        }
    }
}

/// The walk: the names that are known here, innermost last, and the pieces that may be included.
struct Check<'a> {
    scopes: Vec<Value>,
    pieces: &'a [&'static str],
}

impl Check<'_> {
    fn statements(&mut self, statements: &[ast::Stmt<'_>]) -> Result<(), TemplateError> {
        statements.iter().try_for_each(|statement| self.statement(statement))
    }

    fn statement(&mut self, statement: &ast::Stmt<'_>) -> Result<(), TemplateError> {
        match statement {
            ast::Stmt::Template(template) => self.statements(&template.children),
            ast::Stmt::EmitRaw(_) => Ok(()),
            ast::Stmt::EmitExpr(emit) => self.text(&emit.expr),
            ast::Stmt::IfCond(condition) => {
                self.value(&condition.expr)?;
                self.statements(&condition.true_body)?;
                self.statements(&condition.false_body)
            }
            ast::Stmt::ForLoop(looped) => self.for_loop(looped, looped.span()),
            ast::Stmt::Include(include) => self.include(include, include.span()),
            ast::Stmt::WithBlock(with) => self.with_block(with, with.span()),
            ast::Stmt::Set(s) => not_allowed(s.span(), "set"),
            ast::Stmt::SetBlock(s) => not_allowed(s.span(), "set"),
            ast::Stmt::AutoEscape(s) => not_allowed(s.span(), "autoescape"),
            ast::Stmt::FilterBlock(s) => not_allowed(s.span(), "filter"),
            ast::Stmt::Block(s) => not_allowed(s.span(), "block"),
            ast::Stmt::Import(s) => not_allowed(s.span(), "import"),
            ast::Stmt::FromImport(s) => not_allowed(s.span(), "import"),
            ast::Stmt::Extends(s) => not_allowed(s.span(), "extends"),
            ast::Stmt::Macro(s) => not_allowed(s.span(), "macro"),
            ast::Stmt::CallBlock(s) => not_allowed(s.span(), "call"),
            ast::Stmt::Do(s) => not_allowed(s.span(), "do"),
        }
    }

    /// Other names for what there is: the built-in pieces tell of `invoices`, and some letters have theirs elsewhere.
    fn with_block(&mut self, with: &ast::WithBlock<'_>, span: Span) -> Result<(), TemplateError> {
        let mut scope = serde_json::Map::new();
        for (target, value) in &with.assignments {
            let ast::Expr::Var(target) = target else {
                return not_allowed(span, "a with of several names at once");
            };
            scope.insert(target.id.to_owned(), self.value(value)?.unwrap_or_default());
        }
        self.scopes.push(Value::Object(scope));
        let result = self.statements(&with.body);
        self.scopes.pop();
        result
    }

    fn for_loop(&mut self, looped: &ast::ForLoop<'_>, span: Span) -> Result<(), TemplateError> {
        if self.scopes.iter().any(|scope| scope.get("loop").is_some()) {
            return not_allowed(span, "a loop in a loop");
        }
        if looped.recursive || looped.filter_expr.is_some() {
            return not_allowed(span, "a recursive or filtered loop");
        }
        let ast::Expr::Var(target) = &looped.target else {
            return not_allowed(span, "a loop with several names");
        };
        let list = self.value(&looped.iter)?;
        let Some(Value::Array(elements)) = list else {
            let name = written(&looped.iter);
            let what = "no list, so it can't be looped over";
            return Err(TemplateError::Misused { line: span.start_line, name, what });
        };
        let counter = json!({"index": 1, "first": true, "last": true, "length": 1});
        let element = elements.into_iter().next().unwrap_or_default();
        self.scopes.push(json!({target.id: element, "loop": counter}));
        let result = self.statements(&looped.body);
        self.scopes.pop();
        result?;
        self.statements(&looped.else_body)
    }

    fn include(&self, include: &ast::Include<'_>, span: Span) -> Result<(), TemplateError> {
        let line = span.start_line;
        let name = include.name.as_const().and_then(|name| name.as_str().map(str::to_owned));
        match name {
            Some(name) if self.pieces.contains(&name.as_str()) => Ok(()),
            Some(name) if !self.pieces.is_empty() => {
                let nearest = nearest(&name, self.pieces.iter().copied());
                Err(TemplateError::UnknownPiece { line, name, nearest })
            }
            _ => not_allowed(span, "this include"),
        }
    }

    /// An expression that is printed.
    fn text(&self, expression: &ast::Expr<'_>) -> Result<(), TemplateError> {
        let what = match self.value(expression)? {
            Some(Value::Array(_)) => "a list: go through it with {% for … in … %}",
            Some(Value::Object(_)) => "a group: name one of its fields, with a dot",
            Some(_) | None => return Ok(()),
        };
        let line = expression.span().start_line;
        Err(TemplateError::Misused { line, name: written(expression), what })
    }

    /// What an expression is in the sample, if it is a placeholder and not a calculation.
    fn value(&self, expression: &ast::Expr<'_>) -> Result<Option<Value>, TemplateError> {
        let parts = match expression {
            ast::Expr::Const(_) => vec![],
            ast::Expr::Var(variable) => return self.variable(variable.id, variable.span()),
            ast::Expr::GetAttr(attribute) => return self.attribute(attribute, attribute.span()),
            ast::Expr::UnaryOp(operation) => vec![&operation.expr],
            ast::Expr::BinOp(operation) => vec![&operation.left, &operation.right],
            ast::Expr::Compare(comparison) => {
                let others = comparison.ops.iter().map(|operation| &operation.expr);
                [&comparison.expr].into_iter().chain(others).collect()
            }
            ast::Expr::IfExpr(choice) => {
                let last = choice.false_expr.as_ref();
                [&choice.test_expr, &choice.true_expr].into_iter().chain(last).collect()
            }
            ast::Expr::Filter(filter) => {
                check_filter(filter, filter.span())?;
                filter.expr.iter().collect()
            }
            ast::Expr::Test(test) => return not_allowed(test.span(), "a test with \"is\""),
            ast::Expr::GetItem(item) => return not_allowed(item.span(), "[…]"),
            ast::Expr::Slice(slice) => return not_allowed(slice.span(), "[…]"),
            ast::Expr::Call(call) => return not_allowed(call.span(), "a call"),
            ast::Expr::List(list) => return not_allowed(list.span(), "a list of one's own"),
            ast::Expr::Tuple(tuple) => return not_allowed(tuple.span(), "a list of one's own"),
            ast::Expr::Map(map) => return not_allowed(map.span(), "a group of one's own"),
        };
        for part in parts {
            self.value(part)?;
        }
        Ok(None)
    }

    fn variable(&self, name: &str, span: Span) -> Result<Option<Value>, TemplateError> {
        let found = self.scopes.iter().rev().find_map(|scope| scope.get(name));
        if let Some(value) = found {
            return Ok(Some(value.clone()));
        }
        let known = self.scopes.iter().filter_map(Value::as_object).flat_map(|scope| scope.keys());
        Err(unknown(span, name.to_owned(), nearest(name, known.map(String::as_str))))
    }

    fn attribute(
        &self,
        attribute: &ast::GetAttr<'_>,
        span: Span,
    ) -> Result<Option<Value>, TemplateError> {
        let base = written(&attribute.expr);
        let name = format!("{base}.{}", attribute.name);
        match self.value(&attribute.expr)? {
            Some(Value::Object(fields)) => match fields.get(attribute.name) {
                Some(value) => Ok(Some(value.clone())),
                None => {
                    let nearest = nearest(attribute.name, fields.keys().map(String::as_str));
                    Err(unknown(span, name, format!("{base}.{nearest}")))
                }
            },
            Some(_) => Err(unknown(span, name, base)),
            None => not_allowed(span, "a field of a calculation"),
        }
    }
}

fn check_filter(filter: &ast::Filter<'_>, span: Span) -> Result<(), TemplateError> {
    if FILTERS.contains(&filter.name) && filter.args.is_empty() {
        return Ok(());
    }
    let (line, name) = (span.start_line, filter.name.to_owned());
    let nearest = nearest(filter.name, FILTERS.into_iter());
    Err(TemplateError::UnknownFilter { line, name, nearest })
}

fn not_allowed<T>(span: Span, what: &'static str) -> Result<T, TemplateError> {
    Err(TemplateError::NotAllowed { line: span.start_line, what })
}

fn unknown(span: Span, name: String, nearest: String) -> TemplateError {
    TemplateError::UnknownPlaceholder { line: span.start_line, name, nearest }
}

/// The expression as the firm wrote it, if it is a name.
fn written(expression: &ast::Expr<'_>) -> String {
    match expression {
        ast::Expr::Var(variable) => variable.id.to_owned(),
        ast::Expr::GetAttr(attribute) => {
            format!("{}.{}", written(&attribute.expr), attribute.name)
        }
        other => other.description().to_owned(),
    }
}

fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> String {
    let distance = |other: &&str| strsim::damerau_levenshtein(name, other);
    known.min_by_key(distance).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(kind: LetterKind, part: Part, source: &str) -> String {
        check_template(kind, part, source)
            .map_or_else(|error| error.to_string(), |()| "good".into())
    }

    #[test]
    fn let_3_an_unknown_placeholder_is_named_with_the_nearest_known_one() {
        use LetterKind::{DemandLetter, Notice, PlanConfirmation, Receipt};
        for (kind, source, expected) in [
            (Notice, "{{ client.name }} owes {{ amount_due }}", "good"),
            (
                Notice,
                "{{ client.nmae }}",
                r#"line 1: unknown placeholder "client.nmae", the nearest known one is "client.name""#,
            ),
            (
                Notice,
                "\n\n{{ amout_due }}",
                r#"line 3: unknown placeholder "amout_due", the nearest known one is "amount_due""#,
            ),
            (Notice, "{{ dispute_by }}", "unknown placeholder"), // a demand's
            (DemandLetter, "{{ dispute_by }}", "good"),
            (DemandLetter, "{% if lock %}{{ lock.reason }}{% endif %}", "good"),
            (
                DemandLetter,
                "{% if lock %}{{ lock.raeson }}{% endif %}",
                r#"nearest known one is "lock.reason""#,
            ),
            (DemandLetter, "{% if false %}{{ nothing }}{% endif %}", "unknown placeholder"),
            (Receipt, "{{ 'yes' if lok else 'no' }}", r#"nearest known one is "lock""#),
            (
                Notice,
                "{% for i in invoices %}{{ loop.index }}. {{ i.number }} {{ i.due_on }}{% endfor %}",
                "good",
            ),
            (
                Notice,
                "{% for i in invoices %}{{ i.numbr }}{% endfor %}",
                r#"unknown placeholder "i.numbr", the nearest known one is "i.number""#,
            ),
            (
                Notice,
                "{% for i in invoices %}{{ j.number }}{% endfor %}",
                r#"nearest known one is "i""#,
            ),
            (Notice, "{% for i in invoices %}{% endfor %}{{ i.number }}", "unknown placeholder"),
            (Notice, "{% for i in invoice %}{% endfor %}", r#"nearest known one is "invoices""#),
            (PlanConfirmation, "{% for i in instalments %}{{ i.amount }}{% endfor %}", "good"),
            (Notice, "{{ client.name.first }}", r#"the nearest known one is "client.name""#),
        ] {
            let answer = checked(kind, Part::Text, source);
            assert!(answer.contains(expected), "for {source}: {answer}");
        }
    }

    #[test]
    fn let_3_what_a_letter_does_not_need_is_refused() {
        for (part, source, expected) in [
            (Part::Text, "{{ invoices }}", r#""invoices" is a list"#),
            (Part::Text, "{{ client }}", r#""client" is a group"#),
            (Part::Text, "{% for c in client %}{% endfor %}", "no list"),
            (Part::Text, "{{ day", "can't be read"),
            (Part::Text, "{% endblock %}", "can't be read"),
            (Part::Html, "{% endblock %}{% block x %}", "can't be read"),
            (Part::Html, "{% block letter %}{% endblock %}", "block can't be used"),
            (Part::Html, "{% extends 'layout.html' %}", "extends can't be used"),
            (
                Part::Html,
                "{% autoescape false %}{{ client.name }}{% endautoescape %}",
                "autoescape",
            ),
            (Part::Html, "{{ client.name | safe }}", r#"unknown filter "safe""#),
            (Part::Html, "{{ client.name | uper }}", r#"the nearest known one is "upper""#),
            (Part::Html, "{{ client.name | upper }}", "good"),
            (Part::Text, "{% macro m() %}{% endmacro %}", "macro can't be used"),
            (Part::Text, "{% set x = 1 %}", "set can't be used"),
            (Part::Text, "{{ range(100000) }}", "a call can't be used"),
            (Part::Text, "{{ invoices[0].number }}", "[…] can't be used"),
            (Part::Text, "{{ client['name'] }}", "[…] can't be used"),
            (
                Part::Text,
                "{% for i in invoices %}{% for j in invoices %}{% endfor %}{% endfor %}",
                "a loop in a loop",
            ),
            (Part::Text, "{% include 'invoices.txt' %}", "good"),
            (Part::Html, "{% include 'invoices.html' %}{% include 'pay.html' %}", "good"),
            (
                Part::Text,
                "{% include 'invoice.txt' %}",
                r#"the nearest known one is "invoices.txt""#,
            ),
            (Part::Text, "{% include 'invoices.html' %}", "unknown piece"),
            (Part::Text, "{% include client.name %}", "this include can't be used"),
            (Part::Subject, "{% include 'invoices.txt' %}", "this include can't be used"),
            (Part::Subject, "{{ firm.name }}: {{ amount_due }}", "good"),
            (Part::Subject, "{{ firm.name ~ 1 / 0 }}", "does not work on a sample letter"),
        ] {
            let answer = checked(LetterKind::Notice, part, source);
            assert!(answer.contains(expected), "for {source}: {answer}");
        }
        let long = "x".repeat(MAX_TEMPLATE_BYTES + 1);
        assert!(checked(LetterKind::Notice, Part::Text, &long).contains("24577 bytes"));
        // A piece that needs what this kind of letter doesn't have.
        let answer = checked(LetterKind::WelcomeBack, Part::Text, "{% include 'invoices.txt' %}");
        assert!(answer.contains("sample letter"), "{answer}");
    }

    #[test]
    fn let_3_the_placeholders_of_each_kind() {
        let all: String = LetterKind::ALL
            .map(|kind| format!("{}: {}\n", kind.as_str(), placeholders(kind).join(" ")))
            .concat();
        insta::assert_snapshot!(all);
    }
}
