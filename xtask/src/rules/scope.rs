//! The list of rules in scope: a line each, `ID: title`; blank lines and `#` comments are for people.

use std::path::Path;

use anyhow::{Context, Result, bail};

/// Where the list is.
const FILE: &str = "docs/rules-in-scope.txt";

/// A rule that must have a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// As in `LOCK-7`.
    pub id: String,
    /// What it says, in a line.
    pub title: String,
}

/// The list, in its order.
pub fn read(root: &Path) -> Result<Vec<Rule>> {
    let text = std::fs::read_to_string(root.join(FILE))
        .with_context(|| format!("could not read {FILE}"))?;
    parse(&text)
}

fn parse(text: &str) -> Result<Vec<Rule>> {
    let mut rules: Vec<Rule> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let number = index + 1;
        let Some((id, title)) = line.split_once(": ").filter(|(id, _)| is_id(id)) else {
            bail!(
                "{FILE}:{number}: expected `ID: title` as in `LOCK-7: warn first`, found {line:?}"
            );
        };
        if rules.iter().any(|rule| rule.id == id) {
            bail!("{FILE}:{number}: {id} is in the list already");
        }
        rules.push(Rule { id: id.to_owned(), title: title.trim().to_owned() });
    }
    Ok(rules)
}

/// Capitals, a dash, a number.
pub fn is_id(text: &str) -> bool {
    let is_number =
        |number: &str| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('-').is_some_and(|(family, number)| {
        !family.is_empty()
            && family.bytes().all(|byte| byte.is_ascii_uppercase())
            && is_number(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_rule_a_line() {
        let rules = parse("# Lock\n\nLOCK-10: a day that locks: wait\n").unwrap();
        assert_eq!(
            rules,
            [Rule { id: "LOCK-10".to_owned(), title: "a day that locks: wait".to_owned() }]
        );
    }

    #[test]
    fn what_is_no_rule_is_named_with_its_line() {
        for (text, expected) in [
            ("\nLOCK 7: warn\n", "docs/rules-in-scope.txt:2: expected `ID: title`"),
            ("LOCK-7\n", "docs/rules-in-scope.txt:1: expected `ID: title`"),
            ("A-1: a\nA-1: b\n", "docs/rules-in-scope.txt:2: A-1 is in the list already"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
