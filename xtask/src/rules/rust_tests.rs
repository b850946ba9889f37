//! Tests in Rust sources, found line by line: an attribute that makes a test, then the function.
//!
//! A parser would see more than is needed (modules, macros) and less than is there (what stands inside
//! `proptest!`); every attribute of a test stands on a line of its own, as the formatter puts it.

/// What begins the attribute of a test.
const ATTRIBUTES: [&str; 4] = ["#[test]", "#[tokio::test", "#[rstest", "#[test_case"];

/// The names of the test functions in a source.
pub fn names(source: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim_start) {
        if ATTRIBUTES.iter().any(|attribute| line.starts_with(attribute)) {
            is_test = true;
        } else if let Some(name) = function(line).filter(|_| is_test) {
            names.push(name);
            is_test = false;
        }
    }
    names
}

fn function(line: &str) -> Option<&str> {
    let line = line.strip_prefix("pub ").unwrap_or(line);
    let rest = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    Some(&rest[..end])
}

/// The ids in a test's name: `lock_7_…`, several as `lock_1_and_2_…` or `inv_1_2_…`, a range as
/// `pay_1_to_3_…`, and of another family as `lock_7_and_eval_2_…`. That a word before a number means a rule
/// only if there is such a rule is left to the list of rules.
pub fn rules(name: &str) -> Vec<String> {
    let words: Vec<&str> = name.split('_').collect();
    let mut rules = Vec::new();
    for (index, family) in words.iter().enumerate() {
        let is_family = !family.is_empty() && family.bytes().all(|byte| byte.is_ascii_lowercase());
        if !is_family || matches!(*family, "and" | "to") {
            continue;
        }
        for number in numbers(&words[index + 1..]) {
            rules.push(format!("{}-{number}", family.to_ascii_uppercase()));
        }
    }
    rules
}

/// The numbers that `words` begin with.
fn numbers(words: &[&str]) -> Vec<u32> {
    let mut numbers: Vec<u32> = Vec::new();
    let mut rest = words;
    loop {
        match rest {
            ["and", number, ..] if !numbers.is_empty() && number.parse::<u32>().is_ok() => {
                rest = &rest[1..]
            }
            ["to", last, ..] if last.parse::<u32>().is_ok() => {
                let Some(first) = numbers.last().copied() else { return numbers };
                let last = last.parse().unwrap_or(first);
                numbers.extend(first + 1..=last);
                rest = &rest[2..];
            }
            [number, ..] => match number.parse() {
                Ok(number) => {
                    numbers.push(number);
                    rest = &rest[1..];
                }
                Err(_) => return numbers,
            },
            [] => return numbers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_names() {
        for (name, expected) in [
            ("lock_7_warned_first", &["LOCK-7"][..]),
            ("lock_1_and_2_days_before_count", &["LOCK-1", "LOCK-2"]),
            ("inv_1_2_status", &["INV-1", "INV-2"]),
            ("pay_1_to_3_converge", &["PAY-1", "PAY-2", "PAY-3"]),
            ("pay_6_and_eval_2_any_sequence", &["PAY-6", "EVAL-2"]),
            ("any_order_of_news_is_pay_3", &["PAY-3"]),
            ("lock_10", &["LOCK-10"]),
            ("lock_and_unlock", &[]),
            ("locks_7_clients", &["LOCKS-7"]), // in no list, so of no consequence
            ("lock_7_and_then_some", &["LOCK-7"]),
        ] {
            assert_eq!(rules(name), expected, "{name}");
        }
    }

    #[test]
    fn functions_that_are_tests() {
        let source = "#[test]\nfn a() {}\nfn b() {}\n    #[tokio::test(flavor = \"current_thread\")]\n    \
            async fn c() {\n#[rstest]\n#[case(1)]\nfn d(#[case] n: u32) {}\n// #[test]\nfn e() {}\n        \
            #[test]\n        fn f(n in 0..9_u64) {\n";
        assert_eq!(names(source), ["a", "c", "d", "f"]);
    }
}
