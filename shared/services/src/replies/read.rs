//! What an answer by mail says of itself: to which letter it is, whether a person wrote it, and what it says
//! without what it quotes.
//!
//! Everything in a mail may be forged and anything may be missing; nothing here is believed further than
//! [`super`] says.

use std::collections::BTreeSet;

use domain::text::MAX_TEXT_BYTES;
use mail_parser::{Address, HeaderValue, Message, MessageParser, MimeHeaders};

/// What an answer of ours that was handed on says in its headers: it never comes back as an answer.
pub const HANDED_ON: &str = "X-Portcullis-Handed-On";

/// How the local part of an address begins at which answers are taken.
pub(super) const REPLY: &str = "reply+";

/// How many letters of those that an answer names are looked for: the newest ones of a long correspondence.
const MAX_NAMED: usize = 8;

/// What stands for a text where there is none: a picture, a file.
const NO_TEXT: &str = "(The mail has no text of its own.)";

/// What ends a text that is longer than a message.
const CUT: &str = "\n(…)";

/// Whether a person wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// As far as it can be told.
    Person,
    /// An absence, a bounce, a list: it answers nothing.
    Machine,
    /// The mail service takes it for spam, or found a virus.
    Unwanted,
    /// We did: it went in a circle.
    Ourselves,
}

/// A mail, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mail {
    pub(super) writer: Writer,
    /// The names in reply addresses that it was sent to.
    pub(super) names: Vec<String>,
    /// The local parts of the message ids that it answers, newest first.
    pub(super) answers: Vec<String>,
    /// From which address.
    pub(super) from: Option<String>,
    /// Its own name.
    pub(super) message_id: Option<String>,
    pub(super) subject: String,
    pub(super) text: String,
}

/// Reads a mail; `None`: it is none.
pub(super) fn read(raw: &[u8], domain: &str) -> Option<Mail> {
    let message = MessageParser::default().parse(raw)?;
    Some(Mail {
        writer: writer(&message),
        names: names(&message, domain),
        answers: answers(&message),
        from: first(message.from()),
        message_id: message.message_id().map(str::to_owned),
        subject: message.subject().unwrap_or_default().to_owned(),
        text: text(&message),
    })
}

fn writer(message: &Message<'_>) -> Writer {
    let header = |name: &str| {
        let mut all = message.headers_raw();
        let found = all.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim().to_ascii_lowercase())
    };
    let says = |name, words: &[&str]| {
        header(name).is_some_and(|value| words.iter().any(|word| value.contains(word)))
    };
    if header(HANDED_ON).is_some() {
        return Writer::Ourselves;
    }
    if ["X-SES-Virus-Verdict", "X-SES-Spam-Verdict"].iter().any(|name| says(name, &["fail"])) {
        return Writer::Unwanted;
    }
    // RFC 3834 names the first; the others are those that mail programs used before and still use.
    let is_automatic = header("Auto-Submitted").is_some_and(|value| !value.starts_with("no"))
        || says("Precedence", &["bulk", "junk", "list", "auto_reply"])
        || ["X-Autoreply", "X-Autorespond", "X-Auto-Reply"]
            .iter()
            .any(|name| header(name).is_some())
        || header("List-Id").is_some()
        || header("Return-Path").is_some_and(|path| path == "<>");
    let is_daemon = first(message.from()).is_some_and(|from| {
        let from = from.to_ascii_lowercase();
        from.starts_with("mailer-daemon@") || from.starts_with("postmaster@")
    });
    match is_automatic || is_report(message) || is_daemon {
        true => Writer::Machine,
        false => Writer::Person,
    }
}

fn is_report(message: &Message<'_>) -> bool {
    message.root_part().content_type().is_some_and(|kind| {
        let is_report = |of: &str| of.eq_ignore_ascii_case("report");
        kind.ctype().eq_ignore_ascii_case("multipart") && kind.subtype().is_some_and(is_report)
    })
}

/// The names of reply addresses at our domain, wherever a mail says where it went.
fn names(message: &Message<'_>, domain: &str) -> Vec<String> {
    let at = format!("@{}", domain.to_ascii_lowercase());
    let places = ["to", "cc", "delivered-to", "x-original-to", "x-forwarded-to", "received"];
    let mut found = Vec::new();
    for (name, value) in message.headers_raw() {
        if !places.contains(&name.to_ascii_lowercase().as_str()) {
            continue;
        }
        let value = value.to_ascii_lowercase();
        for (begins, _) in value.match_indices(REPLY) {
            let rest = value.get(begins + REPLY.len()..).unwrap_or_default();
            let ends = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
            let (name, rest) = rest.split_at(ends);
            let name = name.to_owned();
            let of_domain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
            let is_ours = rest.strip_prefix(&at).is_some_and(|rest| !rest.starts_with(of_domain));
            if is_ours && !name.is_empty() && !found.contains(&name) {
                found.push(name);
            }
        }
    }
    found.truncate(MAX_NAMED);
    found
}

/// The local parts of the message ids that it answers, newest first.
fn answers(message: &Message<'_>) -> Vec<String> {
    let references = ids(message.references());
    let named = ids(message.in_reply_to()).into_iter().chain(references.into_iter().rev());
    let mut seen = BTreeSet::new();
    let locals = named.filter_map(|id| id.split_once('@').map(|(local, _)| local.to_owned()));
    locals.filter(|local| seen.insert(local.clone())).take(MAX_NAMED).collect()
}

fn ids(value: &HeaderValue<'_>) -> Vec<String> {
    match value {
        HeaderValue::Text(id) => vec![id.to_string()],
        HeaderValue::TextList(ids) => ids.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}

fn first(addresses: Option<&Address<'_>>) -> Option<String> {
    addresses?.first()?.address().map(str::to_owned)
}

fn text(message: &Message<'_>) -> String {
    let whole = message.body_text(0).unwrap_or_default();
    let own = without_quotes(&whole);
    let own = if own.is_empty() { whole.trim().to_owned() } else { own };
    if own.is_empty() { NO_TEXT.to_owned() } else { shortened(own) }
}

/// As much of it as a message holds: all of it went to the firm's own address.
fn shortened(text: String) -> String {
    if text.len() <= MAX_TEXT_BYTES {
        return text;
    }
    let mut end = MAX_TEXT_BYTES - CUT.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{CUT}", &text[..end])
}

/// What somebody wrote, without what was quoted: the lines with `>`, and all that follows the head of a letter that
/// was put under the answer whole.
pub(super) fn without_quotes(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut own: Vec<&str> = Vec::new();
    let mut next = 0;
    while let Some(line) = lines.get(next) {
        match attribution(&lines[next..]) {
            Some(length) => {
                let after = lines[next + length..].iter().find(|line| !line.trim().is_empty());
                match after {
                    // Quoted line by line: whoever answers below or between is read on.
                    Some(after) if is_quoted(after) => next += length,
                    Some(_) | None => break,
                }
            }
            None if is_head(&lines[next..]) => break,
            None => {
                if !is_quoted(line) {
                    own.push(line.trim_end());
                }
                next += 1;
            }
        }
    }
    let text = own.join("\n");
    let mut shown = String::new();
    let mut empty = 0;
    for line in text.trim().lines() {
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty < 2 {
            shown.push_str(line);
            shown.push('\n');
        }
    }
    shown.trim_end().to_owned()
}

fn is_quoted(line: &str) -> bool {
    line.trim_start().starts_with('>')
}

/// How many lines "On … wrote:" takes, in the languages of our letters; mail programs break it into two or three.
fn attribution(lines: &[&str]) -> Option<usize> {
    let begins = |line: &str| ["On ", "El "].iter().any(|word| line.starts_with(word));
    let ends = |line: &str| ["wrote:", "escribió:"].iter().any(|word| line.ends_with(word));
    let first = lines.first().filter(|line| begins(line.trim()))?;
    if ends(first.trim()) {
        return Some(1);
    }
    let more = lines.iter().skip(1).take(2).position(|line| ends(line.trim()));
    more.map(|place| place + 2)
}

/// Whether a quoted letter begins here with its own head, as some programs put it.
fn is_head(lines: &[&str]) -> bool {
    let line = lines.first().map_or("", |line| line.trim());
    let is_rule = |line: &str| {
        let words = line.trim_matches('-').trim().to_ascii_lowercase();
        line.starts_with("--")
            && line.ends_with("--")
            && ["original message", "mensaje original", "forwarded message"].contains(&&*words)
    };
    let is_underlined = 20 <= line.len() && line.bytes().all(|byte| byte == b'_');
    let names_sender = ["From:", "De:"].iter().any(|word| line.starts_with(word));
    let next = lines.iter().skip(1).take(2);
    let dated = ["Sent:", "Date:", "To:", "Enviado:", "Enviado el:", "Fecha:", "Para:"];
    let is_dated =
        next.map(|line| line.trim()).any(|line| dated.iter().any(|word| line.starts_with(word)));
    is_rule(line) || is_underlined || (names_sender && is_dated)
}

#[cfg(test)]
mod tests;
