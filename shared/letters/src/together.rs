//! Letters of several clients that go to one contact, as one message (LET-9).
//!
//! Each stays the letter that it would be by itself: in its client's language, in the firm's words, with its own link.
//! A frame around them says whose they are. So what is kept of each client's letter is that client's and nobody else's,
//! and a firm's own words need not know of this.

use std::sync::LazyLock;

use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use serde::Serialize;

use crate::facts::Language;
use crate::templates::{LetterError, Rendered, bare_environment, without_gaps};
use crate::view::one_line;

/// One client's letter.
#[derive(Debug, Clone, Copy)]
pub struct Section<'a> {
    /// The client's name.
    pub client: &'a str,
    /// The language that it is written in.
    pub language: Language,
    /// The letter.
    pub letter: &'a Rendered,
}

#[derive(Serialize)]
struct SectionView<'a> {
    name: String,
    language: &'static str,
    text: &'a str,
    html: &'a str,
}

/// How what is inside of a letter's HTML begins, and what is after it: what every letter has around it.
const BEGINS: &str = "padding:28px 32px\">";
const ENDS: &str = "</td></tr></table>\n</td></tr></table>\n</body>";

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = bare_environment();
    for (name, source) in [
        ("en/together.txt", include_str!("../templates/en/together.txt")),
        ("en/together.html", include_str!("../templates/en/together.html")),
        ("es/together.txt", include_str!("../templates/es/together.txt")),
        ("es/together.html", include_str!("../templates/es/together.html")),
    ] {
        // A test renders each of them, so none is missing at run time.
        environment.add_template(name, source).ok();
    }
    environment
});

/// One message of these letters, in their order: the first, which is the strongest, gives it its subject, and the
/// frame its language.
///
/// # Errors
/// [`LetterError::NoInvoices`] of no letters; [`LetterError::Template`]: a mistake of the program.
pub fn render_together(firm: &str, sections: &[Section<'_>]) -> Result<Rendered, LetterError> {
    let first = sections.first().ok_or(LetterError::NoInvoices)?;
    let subject = subject(first, sections.len() - 1);
    let names: Vec<_> = sections.iter().map(|section| one_line(section.client)).collect();
    let views = sections.iter().zip(&names).map(|(section, name)| view(section, name));
    let language = first.language.as_str();
    let view = context! {
        language => language,
        subject => &*subject,
        firm => one_line(firm),
        names => names.join(", "),
        sections => Value::from(Serde(views.collect::<Vec<_>>())),
    };
    let part =
        |ending| ENVIRONMENT.get_template(&format!("{language}/together.{ending}"))?.render(&view);
    let (text, html) = (without_gaps(&part("txt")?, 1), without_gaps(&part("html")?, 0));
    Ok(Rendered { subject, text, html })
}

fn view<'a>(section: &Section<'a>, name: &str) -> SectionView<'a> {
    SectionView {
        name: name.to_owned(),
        language: section.language.as_str(),
        text: section.letter.text.trim(),
        html: inside(&section.letter.html),
    }
}

/// What of it is the letter's own.
fn inside(html: &str) -> &str {
    let after = html.split_once(BEGINS).map_or(html, |(_, after)| after);
    after.rsplit_once(ENDS).map_or(after, |(inside, _)| inside).trim()
}

/// The strongest letter's, with its client's name and how many more there are.
fn subject(first: &Section<'_>, more: usize) -> String {
    let (name, subject) = (one_line(first.client), one_line(&first.letter.subject));
    match (first.language, more) {
        (Language::En, 1) => format!("{name}: {subject}; and 1 more client"),
        (Language::En, _) => format!("{name}: {subject}; and {more} more clients"),
        (Language::Es, 1) => format!("{name}: {subject}; y 1 cliente más"),
        (Language::Es, _) => format!("{name}: {subject}; y {more} clientes más"),
    }
}

#[cfg(test)]
mod tests {
    use domain::letter::LetterKind;

    use super::*;
    use crate::facts::LetterFacts;
    use crate::{render, samples};

    fn letter(kind: LetterKind, language: Language, client: &str) -> Rendered {
        let [facts, _] = samples(kind);
        render(&LetterFacts { language, client_name: client.to_owned(), ..facts }).unwrap()
    }

    #[test]
    fn let_9_one_message_over_two_clients_is_each_ones_letter_in_a_frame() {
        let demand = letter(LetterKind::DemandLetter, Language::En, "Acme Bakery");
        let notice = letter(LetterKind::Notice, Language::Es, "Bea & Söhne");
        let section = |client, language, letter| Section { client, language, letter };
        let sections = [
            section("Acme Bakery", Language::En, &demand),
            section("Bea & Söhne", Language::Es, &notice),
        ];
        let message = render_together("Harbor & Pine", &sections).unwrap();
        insta::assert_snapshot!("together_subject", message.subject);
        insta::assert_snapshot!("together_text", message.text);
        insta::assert_snapshot!("together_html", message.html);
        let [en, es] = sections;
        let spanish = render_together("Harbor & Pine", &[es, en, en]).unwrap();
        assert!(spanish.subject.ends_with("; y 2 clientes más"), "{}", spanish.subject);
        assert!(spanish.text.starts_with("Este mensaje trata de 3 clientes"), "{}", spanish.text);
        assert!(matches!(render_together("x", &[]), Err(LetterError::NoInvoices)));
    }

    #[test]
    fn let_9_of_every_letter_the_inside_alone_is_in_the_frame() {
        for kind in LetterKind::ALL {
            for language in Language::ALL {
                let rendered = letter(kind, language, "Acme Bakery");
                let inside = inside(&rendered.html);
                for outside in ["<html", "<body", "</body>", "<!doctype", "<title"] {
                    assert!(!inside.contains(outside), "{kind:?} {language:?}: {outside}");
                }
                assert!(inside.len() + 200 < rendered.html.len(), "{kind:?} {language:?}");
                let opened = inside.matches("<table").count();
                assert_eq!(opened, inside.matches("</table>").count(), "{kind:?} {language:?}");
            }
        }
    }
}
