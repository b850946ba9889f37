//! The page: a table with one row per rule.

use super::Index;
use super::scope::Rule;

const HEAD: &str = "\
# The rules and their tests

Made by `cargo xtask rules` from the names of the tests and the `rules` of the rehearsals; `cargo xtask test`
checks that it is up to date and that no rule is without a test. What is in scope is in
[rules-in-scope.txt](rules-in-scope.txt).

| rule | in short | shown by |
|---|---|---|
";

/// The whole file.
pub fn render(rules: &[Rule], index: &Index) -> String {
    let rows = rules.iter().map(|rule| row(rule, index));
    std::iter::once(HEAD.to_owned()).chain(rows).collect()
}

fn row(rule: &Rule, index: &Index) -> String {
    let files = index.get(&rule.id).into_iter().flatten();
    let shown_by: Vec<String> = files
        .map(|(file, names)| {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let colon = if names.is_empty() { "" } else { ": " };
            format!("[{file}](../{file}){colon}{}", names.join(", "))
        })
        .collect();
    let shown_by =
        if shown_by.is_empty() { "nothing yet".to_owned() } else { shown_by.join("<br>") };
    format!("| {} | {} | {shown_by} |\n", rule.id, rule.title.replace('|', "\\|"))
}
