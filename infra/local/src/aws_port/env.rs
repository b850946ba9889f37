//! What a function must be told to work on this machine: the variables of its configuration, in a file.
//!
//! The same variables in two syntaxes: `env.json` for `sam local --env-vars`, `local.env` for
//! `cargo lambda watch --env-file`. And `tokens.json`, a token for each of the demo firm's staff, for the
//! places in `events/` that hold `TOKEN-OF-…`. None of it is worth anything elsewhere, and git leaves it out.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use platform::config::{Stage, variable};
use serde_json::{Value, json};

use super::kms::KEY;
use super::sqs::queue_url;
use crate::embedded::TABLE;
use crate::files::{self, Readers};
use crate::issuer::{AUDIENCE, ISSUER_PATH};
use crate::queue::{EVALUATIONS, LETTERS};

/// The region that this machine is.
pub const REGION: &str = "us-east-1";

/// Where a checkout keeps sample events, and these files beside them.
const EVENTS: &str = "events";

/// For `sam local --env-vars`.
pub const JSON: &str = "env.json";

/// For `cargo lambda watch --env-file`.
pub const LINES: &str = "local.env";

/// For the sample events.
pub const TOKENS: &str = "tokens.json";

/// The credentials of this machine, which nobody checks.
const CREDENTIALS: &str = "local";

/// The variables of all functions, with the system and AWS at those addresses.
pub fn variables(system_url: &str, aws_url: &str) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        (variable::STAGE, Stage::Local.as_str().to_owned()),
        (variable::TABLE, TABLE.to_owned()),
        (variable::LETTERS_QUEUE_URL, queue_url(aws_url, LETTERS)),
        (variable::EVALUATIONS_QUEUE_URL, queue_url(aws_url, EVALUATIONS)),
        (variable::PORTAL_FIRM, crate::demo::FIRM.to_owned()),
        (variable::PUBLIC_URL, system_url.to_owned()),
        (variable::ISSUER_URL, format!("{system_url}{ISSUER_PATH}")),
        (variable::ISSUER_AUDIENCE, AUDIENCE.to_owned()),
        (variable::SECRETS_KEY, KEY.to_owned()),
        (variable::STRIPE_URL, system_url.to_owned()),
        (variable::AWS_REGION, REGION.to_owned()),
        (variable::AWS_ENDPOINT_URL, aws_url.to_owned()),
        (variable::AWS_ACCESS_KEY_ID, CREDENTIALS.to_owned()),
        (variable::AWS_SECRET_ACCESS_KEY, CREDENTIALS.to_owned()),
    ])
}

/// Where the files go: beside the sample events of the checkout that we were started in, else into the
/// data folder.
pub fn folder(current: &Path, data: &Path) -> PathBuf {
    let events = current.join(EVENTS);
    let is_checkout = events.is_dir() && current.join("template.yaml").is_file();
    if is_checkout { events } else { data.to_owned() }
}

/// Writes the files. The last is that for `cargo lambda watch`: who waits for it finds all.
///
/// # Errors
/// When one can't be written.
pub fn write(
    folder: &Path,
    variables: &BTreeMap<&'static str, String>,
    tokens: &BTreeMap<&str, &str>,
) -> io::Result<()> {
    replace(&folder.join(TOKENS), &pretty(&json!(tokens))?)?;
    replace(&folder.join(JSON), &pretty(&json!({ "Parameters": variables }))?)?;
    let lines = variables.iter().map(|(name, value)| format!("{name}={value}\n"));
    replace(&folder.join(LINES), &lines.collect::<String>())
}

fn pretty(value: &Value) -> io::Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// Tokens are for this user alone, and nobody else needs the rest.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    files::replace(path, text.as_bytes(), Readers::Owner)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use platform::config::{self, Config, Environment, IssuerSettings};
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn each_functions_configuration_can_be_read_from_the_files() {
        let folder = TempDir::new().unwrap();
        let tokens = BTreeMap::from([("bea", "t")]);
        let variables = variables("http://localhost:8080", "http://127.0.0.1:4566");
        for _ in 0..2 {
            write(folder.path(), &variables, &tokens).unwrap();
        }
        let read = |name| fs::read_to_string(folder.path().join(name)).unwrap();
        let lines = read(LINES);
        let lines = lines.lines().map(|line| line.split_once('=').unwrap());
        let from_lines: BTreeMap<_, _> = lines.collect();
        let json: Value = serde_json::from_str(&read(JSON)).unwrap();
        let from_json: BTreeMap<_, _> = json["Parameters"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
            .collect();
        assert_eq!(from_lines, from_json);
        assert_eq!(read(TOKENS), "{\n  \"bea\": \"t\"\n}\n");

        let environment: Environment = from_lines.into_iter().collect();
        let config = Config::read(&environment).unwrap();
        assert_eq!(config.aws.endpoint_url.as_deref(), Some("http://127.0.0.1:4566"));
        let issuer = IssuerSettings::read(&environment).unwrap();
        assert_eq!(issuer.url, "http://localhost:8080/issuer");
        let url = config::queue_url(&environment, variable::LETTERS_QUEUE_URL).unwrap();
        assert_eq!(url, "http://127.0.0.1:4566/000000000000/letters");
        config::queue_url(&environment, variable::EVALUATIONS_QUEUE_URL).unwrap();
        assert_eq!(config::secrets_key(&environment).unwrap(), KEY);
        assert_eq!(config::public_url(&environment).unwrap(), "http://localhost:8080");
        assert!(config::gateway_urls(&environment).unwrap().stripe.is_some());
        assert_eq!(config::mail_configuration(&environment), Ok(None));
    }

    #[test]
    fn the_files_go_beside_the_events_of_a_checkout() {
        let folder = TempDir::new().unwrap();
        let (current, data) = (folder.path(), folder.path().join("data"));
        assert_eq!(super::folder(current, &data), data);
        fs::create_dir(current.join("events")).unwrap();
        assert_eq!(super::folder(current, &data), data, "other people's events");
        fs::write(current.join("template.yaml"), "").unwrap();
        assert_eq!(super::folder(current, &data), current.join("events"));
    }
}
