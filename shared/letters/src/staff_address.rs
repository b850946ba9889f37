//! A mail to staff: mails to somebody else at the firm come back (STAFF-1).

use std::sync::LazyLock;

use minijinja::{Environment, context};

use crate::templates::{LetterError, Rendered, bare_environment, without_gaps};
use crate::view::one_line;

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressFacts {
    /// Where.
    pub firm: String,
    /// Who reads it.
    pub reader: String,
    /// Who isn't reached.
    pub person: String,
    /// Whether the person complained of a mail; else one came back.
    pub is_complaint: bool,
    /// Where it is seen who works at the firm.
    pub settings_link: String,
    /// Where the person chooses which mails to get.
    pub choice_link: String,
}

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = bare_environment();
    for (name, source) in [
        ("address.txt", include_str!("../templates/staff/address.txt")),
        ("address.html", include_str!("../templates/staff/address.html")),
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
pub fn render(facts: &AddressFacts) -> Result<Rendered, LetterError> {
    let subject = format!("Mails to {} come back", one_line(&facts.person));
    let view = context! {
        language => "en",
        subject => &*subject,
        firm => one_line(&facts.firm),
        reader => one_line(&facts.reader),
        person => one_line(&facts.person),
        is_complaint => facts.is_complaint,
        settings_link => &*facts.settings_link,
        choice_link => &*facts.choice_link,
    };
    let part = |name| ENVIRONMENT.get_template(name)?.render(&view);
    let text = without_gaps(&part("address.txt")?, 1);
    let html = without_gaps(&part("address.html")?, 0);
    Ok(Rendered { subject, text, html })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staff_1_a_colleague_who_isn_t_reached() {
        let mut facts = AddressFacts {
            firm: "Bea & Partners".to_owned(),
            reader: "Ada".to_owned(),
            person: "Pat <b>".to_owned(),
            is_complaint: false,
            settings_link: "https://portal.example/console/settings".to_owned(),
            choice_link: "https://portal.example/console/mails".to_owned(),
        };
        let rendered = render(&facts).unwrap();
        insta::assert_snapshot!(format!("{}\n\n{}", rendered.subject, rendered.text), @"
        Mails to Pat <b> come back

        Hello Ada,

        a mail to Pat <b> came back for good. No more are sent there: what waits for Pat <b>, others are told meanwhile.

        Give Pat <b> another address, or, if the address is right after all, let Pat <b> choose again which mails to get: https://portal.example/console/mails

        Who works at the firm: https://portal.example/console/settings

        Bea & Partners
        ");
        assert!(
            rendered.html.contains("Pat &lt;b&gt;")
                && rendered.html.trim_end().ends_with("</html>")
        );
        facts.is_complaint = true;
        assert!(render(&facts).unwrap().text.contains("marked a mail as unwanted"));
    }
}
