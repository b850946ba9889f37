//! A field of a form of the console, as `field.html` shows it.

/// A field of a form.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: String,
    pub(super) hint: String,
    pub(super) is_required: bool,
    pub(super) value: String,
    pub(super) kind: FieldKind,
}

pub(super) enum FieldKind {
    Line,
    Text,
    Date,
    Amount,
    Choice(Vec<(String, String)>),
    Many(Vec<(String, String)>),
    Fixed,
}

impl Field {
    pub(super) fn new(name: &'static str, label: &str, kind: FieldKind) -> Self {
        let (label, hint, value) = (label.to_owned(), String::new(), String::new());
        Self { name, label, hint, is_required: true, value, kind }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    pub(super) fn optional(self) -> Self {
        Self { is_required: false, ..self }
    }

    pub(super) fn value(self, value: impl Into<String>) -> Self {
        Self { value: value.into(), ..self }
    }

    pub(super) fn fixed(name: &'static str, value: impl Into<String>) -> Self {
        Self::new(name, "", FieldKind::Fixed).value(value)
    }

    /// What stands in it: what was typed before it was refused, or what is proposed.
    pub(super) fn shown<'a>(&'a self, typed: &'a str) -> &'a str {
        if typed.is_empty() { &self.value } else { typed }
    }

    /// Whether a choice of many is made already: the values are lines.
    pub(super) fn has(&self, option: &str) -> bool {
        self.value.lines().any(|value| value == option)
    }

    pub(super) fn reason(hint: &str) -> Self {
        Self::new("reason", "Reason", FieldKind::Text).hint(hint)
    }
}
