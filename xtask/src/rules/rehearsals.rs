//! The rules that a rehearsal says it shows: its list `rules`.

use anyhow::{Result, bail};
use saphyr::{LoadableYamlNode, Yaml};

use super::scope::is_id;

/// Whether a path names a rehearsal.
pub fn is_one(path: &str) -> bool {
    let is_yaml = path.ends_with(".yaml") || path.ends_with(".yml");
    path.starts_with("tests/scenarios/") && is_yaml
}

/// The list, which may be absent.
pub fn rules(text: &str) -> Result<Vec<String>> {
    let documents = Yaml::load_from_str(text)?;
    let Some(list) = documents.first().and_then(|document| document.as_mapping_get("rules")) else {
        return Ok(Vec::new());
    };
    let Some(rules) = list.as_vec() else {
        bail!("`rules` must be a list of ids, as in `rules: [LOCK-7]`");
    };
    rules.iter().map(id).collect()
}

fn id(rule: &Yaml<'_>) -> Result<String> {
    match rule.as_str() {
        Some(id) if is_id(id) => Ok(id.to_owned()),
        _ => bail!("`rules` holds {rule:?}, which is no id as LOCK-7 is one"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_read() {
        assert_eq!(rules("rules: [LOCK-1, PAY-7]\n").unwrap(), ["LOCK-1", "PAY-7"]);
        assert!(rules("title: without rules\n").unwrap().is_empty());
        assert!(rules("").unwrap().is_empty());
        for bad in ["rules: LOCK-1\n", "rules: [lock 1]\n", "rules: [1]\n"] {
            assert!(rules(bad).is_err(), "{bad}");
        }
    }
}
