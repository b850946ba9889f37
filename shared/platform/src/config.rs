//! Configuration: environment variables, read once in `main` and turned into types.
//!
//! [`Environment`] is a copy of the process's variables, so that tests give their own. Each section
//! reads what it needs and a function reads the sections that it needs; what is missing or wrong is
//! an error that names the variable and what was expected. Credentials are read here too: on Lambda
//! they are in the environment and stay the same as long as the process lives, so the default
//! provider chain, and the milliseconds that it costs a cold start, are not linked.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use http::Uri;

/// The names of the variables, for the template, the local system and the docs.
pub mod variable {
    /// Which deployment this is: `local`, `staging` or `production`.
    pub const STAGE: &str = "PORTCULLIS_STAGE";
    /// The table.
    pub const TABLE: &str = "PORTCULLIS_TABLE";
    /// The queue of letters.
    pub const LETTERS_QUEUE_URL: &str = "PORTCULLIS_LETTERS_QUEUE_URL";
    /// The queue of evaluations.
    pub const EVALUATIONS_QUEUE_URL: &str = "PORTCULLIS_EVALUATIONS_QUEUE_URL";
    /// The event bus.
    pub const EVENT_BUS: &str = "PORTCULLIS_EVENT_BUS";
    /// The bucket of the archive.
    pub const ARCHIVE_BUCKET: &str = "PORTCULLIS_ARCHIVE_BUCKET";
    /// Where people reach the portal.
    pub const PUBLIC_URL: &str = "PORTCULLIS_PUBLIC_URL";
    /// Who signs the staff's tokens.
    pub const ISSUER_URL: &str = "PORTCULLIS_ISSUER_URL";
    /// For whom they are signed.
    pub const ISSUER_AUDIENCE: &str = "PORTCULLIS_ISSUER_AUDIENCE";
    /// Where the issuer's public keys are; `{issuer}/.well-known/jwks.json` unless given.
    pub const ISSUER_KEYS_URL: &str = "PORTCULLIS_ISSUER_KEYS_URL";
    /// Whether a token must say that a second factor was used; `true` unless given. Some issuers
    /// enforce it without saying so in the token.
    pub const ISSUER_SAYS_MFA: &str = "PORTCULLIS_ISSUER_SAYS_MFA";
    /// Where people sign in at the issuer; `{issuer}/authorize` unless given.
    pub const ISSUER_AUTHORIZE_URL: &str = "PORTCULLIS_ISSUER_AUTHORIZE_URL";
    /// Where the issuer gives a token for a code; `{issuer}/token` unless given.
    pub const ISSUER_TOKEN_URL: &str = "PORTCULLIS_ISSUER_TOKEN_URL";
    /// The SES configuration set, which publishes deliveries and bounces.
    pub const MAIL_CONFIGURATION: &str = "PORTCULLIS_MAIL_CONFIGURATION";
    /// The domain at which answers to letters are taken in.
    pub const INBOUND_DOMAIN: &str = "PORTCULLIS_INBOUND_DOMAIN";
    /// The bucket in which the mail service lays them.
    pub const INBOUND_BUCKET: &str = "PORTCULLIS_INBOUND_BUCKET";
    /// The key under which gateways' secrets are sealed.
    pub const SECRETS_KEY: &str = "PORTCULLIS_SECRETS_KEY";
    /// The firm that contacts sign in at unless the address names another.
    pub const PORTAL_FIRM: &str = "PORTCULLIS_PORTAL_FIRM";
    /// Another Stripe than the real one: the sandbox.
    pub const STRIPE_URL: &str = "PORTCULLIS_STRIPE_URL";
    /// Another Square.
    pub const SQUARE_URL: &str = "PORTCULLIS_SQUARE_URL";
    /// Another PayPal.
    pub const PAYPAL_URL: &str = "PORTCULLIS_PAYPAL_URL";
    /// Another gateway of LawPay and CPACharge.
    pub const AFFINIPAY_URL: &str = "PORTCULLIS_AFFINIPAY_URL";
    /// The region; set by Lambda.
    pub const AWS_REGION: &str = "AWS_REGION";
    /// Another endpoint than AWS's own, for all services.
    pub const AWS_ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";
    /// Credentials; set by Lambda.
    pub const AWS_ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
    /// Credentials; set by Lambda.
    pub const AWS_SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
    /// Credentials; set by Lambda.
    pub const AWS_SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
}

/// Why the configuration was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not set, or empty.
    #[error("the environment variable {variable} is not set, expected {expected}")]
    Missing {
        /// Its name.
        variable: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// Set to something else.
    #[error("the environment variable {variable} is {value:?}, expected {expected}")]
    Invalid {
        /// Its name.
        variable: &'static str,
        /// As set; never a secret, for those can't be wrong before they are tried.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
}

/// The environment variables.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Those of this process. One that isn't Unicode counts as not set.
    pub fn of_process() -> Self {
        let texts = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self(texts.collect())
    }

    /// One that must be set.
    ///
    /// # Errors
    /// When it is missing, empty, or `parse` doesn't know what it is.
    pub fn required<T>(
        &self,
        variable: &'static str,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ConfigError> {
        self.optional(variable, expected, parse)?.ok_or(ConfigError::Missing { variable, expected })
    }

    /// One that may be left out; empty is left out.
    ///
    /// # Errors
    /// When `parse` doesn't know what it is.
    pub fn optional<T>(
        &self,
        variable: &'static str,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.0.get(variable).map(|value| value.trim()).filter(|v| !v.is_empty())
        else {
            return Ok(None);
        };
        match parse(value) {
            Some(parsed) => Ok(Some(parsed)),
            None => Err(ConfigError::Invalid { variable, value: value.to_owned(), expected }),
        }
    }

    fn secret(&self, variable: &'static str) -> Result<Secret, ConfigError> {
        self.required(variable, "the credentials that Lambda sets", |text| Some(Secret::new(text)))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl fmt::Debug for Environment {
    /// The names alone: values may be secrets (SEC-5).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A text that no log may show (SEC-5).
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides that text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one who needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Which deployment this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The system on one machine, on embedded parts.
    Local,
    /// A deployment to try things on.
    Staging,
    /// The one that firms use.
    Production,
}

impl Stage {
    const EXPECTED: &str = "local, staging or production";

    /// As in the variable.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Local, Self::Staging, Self::Production].into_iter().find(|s| s.as_str() == text)
    }
}

/// What every function needs.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which deployment this is.
    pub stage: Stage,
    /// The table's name.
    pub table: String,
    /// How to reach AWS.
    pub aws: AwsSettings,
}

impl Config {
    /// # Errors
    /// For the first variable that is missing or wrong.
    pub fn read(environment: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            stage: environment.required(variable::STAGE, Stage::EXPECTED, Stage::parse)?,
            table: environment.required(
                variable::TABLE,
                "a table's name: 3 to 255 letters, digits, `_`, `-` or `.`",
                table_name,
            )?,
            aws: AwsSettings::read(environment)?,
        })
    }
}

/// How to reach AWS.
#[derive(Debug, Clone)]
pub struct AwsSettings {
    /// Such as `us-east-1`.
    pub region: String,
    /// Another endpoint than AWS's own, for all services.
    pub endpoint_url: Option<String>,
    /// The key's id.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: Secret,
    /// The session that the key belongs to, if any.
    pub session_token: Option<Secret>,
}

impl AwsSettings {
    /// # Errors
    /// For the first variable that is missing or wrong.
    pub fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let access_key_id = environment.secret(variable::AWS_ACCESS_KEY_ID)?;
        Ok(Self {
            region: environment.required(
                variable::AWS_REGION,
                "a region such as us-east-1",
                region,
            )?,
            endpoint_url: environment.optional(
                variable::AWS_ENDPOINT_URL,
                "an http or https address such as http://127.0.0.1:4566",
                any_url,
            )?,
            access_key_id: access_key_id.reveal().to_owned(),
            secret_access_key: environment.secret(variable::AWS_SECRET_ACCESS_KEY)?,
            session_token: environment.optional(
                variable::AWS_SESSION_TOKEN,
                "a token",
                |text| Some(Secret::new(text)),
            )?,
        })
    }
}

/// Who signs the staff's tokens (SEC-2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerSettings {
    /// The `iss` of every token.
    pub url: String,
    /// The `aud` of every token.
    pub audience: String,
    /// Where the public keys are.
    pub keys_url: String,
    /// Whether a token must say that a second factor was used.
    pub says_mfa: bool,
}

impl IssuerSettings {
    /// # Errors
    /// For the first variable that is missing or wrong.
    pub fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let url = environment.required(variable::ISSUER_URL, SAFE_URL, safe_url)?;
        let keys_url = environment.optional(variable::ISSUER_KEYS_URL, SAFE_URL, safe_url)?;
        let keys_url = keys_url.unwrap_or_else(|| format!("{url}/.well-known/jwks.json"));
        let audience = environment.required(
            variable::ISSUER_AUDIENCE,
            "the client id that tokens are issued for",
            |text| Some(text.to_owned()),
        )?;
        let says_mfa =
            environment
                .optional(variable::ISSUER_SAYS_MFA, "true or false", |text| text.parse().ok())?;
        Ok(Self { url, audience, keys_url, says_mfa: says_mfa.unwrap_or(true) })
    }
}

/// How staff sign in on a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PagesSettings {
    /// Where people are sent.
    pub authorize_url: String,
    /// Where a code becomes a token.
    pub token_url: String,
    /// Where people reach the portal, without a slash at its end.
    pub public_url: String,
}

impl PagesSettings {
    /// # Errors
    /// For the first variable that is missing or wrong.
    pub fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let issuer = environment.required(variable::ISSUER_URL, SAFE_URL, safe_url)?;
        let or_usual = |variable, path| {
            let given = environment.optional(variable, SAFE_URL, safe_url)?;
            Ok(given.unwrap_or_else(|| format!("{issuer}/{path}")))
        };
        Ok(Self {
            authorize_url: or_usual(variable::ISSUER_AUTHORIZE_URL, "authorize")?,
            token_url: or_usual(variable::ISSUER_TOKEN_URL, "token")?,
            public_url: public_url(environment)?,
        })
    }
}

/// Where people reach the portal, without a slash at its end.
///
/// # Errors
/// When it is missing, no address, or not https.
pub fn public_url(environment: &Environment) -> Result<String, ConfigError> {
    environment.required(variable::PUBLIC_URL, SAFE_URL, safe_url)
}

/// The address of a queue: [`variable::LETTERS_QUEUE_URL`] or [`variable::EVALUATIONS_QUEUE_URL`].
///
/// # Errors
/// When it is missing or no address.
pub fn queue_url(environment: &Environment, variable: &'static str) -> Result<String, ConfigError> {
    environment.required(variable, "the address of an SQS queue", any_url)
}

/// The same for a function that may do without it.
///
/// # Errors
/// When it is no address.
pub fn optional_queue_url(
    environment: &Environment,
    variable: &'static str,
) -> Result<Option<String>, ConfigError> {
    environment.optional(variable, "the address of an SQS queue", any_url)
}

/// The event bus, if there is one.
///
/// # Errors
/// When it is no name or ARN of one.
pub fn event_bus(environment: &Environment) -> Result<Option<String>, ConfigError> {
    let expected =
        "an event bus's name or ARN: up to 1600 letters, digits, `_`, `-`, `.`, `/` or `:`";
    environment.optional(variable::EVENT_BUS, expected, |text| {
        let is_bus = |b| is_word(b) || matches!(b, b'-' | b'.' | b'/' | b':');
        (text.len() <= 1600 && text.bytes().all(is_bus)).then(|| text.to_owned())
    })
}

/// The bucket of the archive, if there is one.
///
/// # Errors
/// When it is no bucket's name.
pub fn archive_bucket(environment: &Environment) -> Result<Option<String>, ConfigError> {
    let expected = "a bucket's name: 3 to 63 small letters, digits, `-` or `.`";
    environment.optional(variable::ARCHIVE_BUCKET, expected, bucket_name)
}

/// The KMS key under which gateways' secrets are sealed.
///
/// # Errors
/// When it is missing or too long for one.
pub fn secrets_key(environment: &Environment) -> Result<String, ConfigError> {
    let expected = "the id, ARN or alias of a KMS key";
    environment.required(variable::SECRETS_KEY, expected, |text| {
        (text.len() <= 2048 && text.is_ascii()).then(|| text.to_owned())
    })
}

/// The id of the firm that contacts sign in at unless the address names another, if the deployment serves one.
///
/// # Errors
/// When it is too long for one.
pub fn portal_firm(environment: &Environment) -> Result<Option<String>, ConfigError> {
    environment.optional(variable::PORTAL_FIRM, "the id of a firm", |text| {
        (text.len() <= 128).then(|| text.to_owned())
    })
}

/// Where gateways are that aren't the real ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GatewayUrls {
    /// Stripe.
    pub stripe: Option<String>,
    /// Square.
    pub square: Option<String>,
    /// PayPal.
    pub paypal: Option<String>,
    /// LawPay and CPACharge.
    pub affinipay: Option<String>,
}

/// Other gateways than the real ones, as far as there are any.
///
/// # Errors
/// When one is no address.
pub fn gateway_urls(environment: &Environment) -> Result<GatewayUrls, ConfigError> {
    let url = |variable| environment.optional(variable, SAFE_URL, safe_url);
    Ok(GatewayUrls {
        stripe: url(variable::STRIPE_URL)?,
        square: url(variable::SQUARE_URL)?,
        paypal: url(variable::PAYPAL_URL)?,
        affinipay: url(variable::AFFINIPAY_URL)?,
    })
}

/// The SES configuration set, if there is one.
///
/// # Errors
/// When it is no name.
pub fn mail_configuration(environment: &Environment) -> Result<Option<String>, ConfigError> {
    let expected = "a configuration set's name: up to 64 letters, digits, `_` or `-`";
    environment.optional(variable::MAIL_CONFIGURATION, expected, |text| {
        let is_named = text.len() <= 64 && text.bytes().all(|b| is_word(b) || b == b'-');
        is_named.then(|| text.to_owned())
    })
}

/// The domain at which answers to letters are taken in, if there is one.
///
/// # Errors
/// When it is no domain.
pub fn inbound_domain(environment: &Environment) -> Result<Option<String>, ConfigError> {
    let expected = "a domain in lower case: letters, digits, `-` and at least one `.`";
    environment.optional(variable::INBOUND_DOMAIN, expected, |text| {
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let mut labels = text.split('.');
        let is_label = |label: &str| !label.is_empty() && label.bytes().all(is_plain);
        let is_named = text.len() <= 253 && text.contains('.') && labels.all(is_label);
        is_named.then(|| text.to_owned())
    })
}

/// The bucket in which the mail service lays what it takes in, if it does.
///
/// # Errors
/// When it is no name of a bucket.
pub fn inbound_bucket(environment: &Environment) -> Result<Option<String>, ConfigError> {
    let expected = "a bucket's name: 3 to 63 small letters, digits, `-` or `.`";
    environment.optional(variable::INBOUND_BUCKET, expected, bucket_name)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn table_name(text: &str) -> Option<String> {
    let is_named = (3..=255).contains(&text.len())
        && text.bytes().all(|byte| is_word(byte) || matches!(byte, b'-' | b'.'));
    is_named.then(|| text.to_owned())
}

fn bucket_name(text: &str) -> Option<String> {
    let is_named = (3..=63).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'));
    is_named.then(|| text.to_owned())
}

fn region(text: &str) -> Option<String> {
    let is_region = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    (is_region && text.contains('-')).then(|| text.to_owned())
}

const SAFE_URL: &str =
    "an https address such as https://portal.example (http only for this machine)";

/// An address that may carry what people or tokens rely on: https, but for this machine itself.
fn safe_url(text: &str) -> Option<String> {
    let uri: Uri = text.parse().ok()?;
    let host = uri.host()?.trim_matches(['[', ']']);
    let is_this_machine =
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if uri.scheme_str() != Some("https") && !is_this_machine {
        return None;
    }
    any_url(text)
}

/// An http or https address without a slash at its end.
fn any_url(text: &str) -> Option<String> {
    let uri: Uri = text.parse().ok()?;
    let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
    let is_plain = uri.query().is_none() && !text.contains(['@', '#']);
    (is_web && is_plain && uri.host().is_some_and(|host| !host.is_empty()))
        .then(|| text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 10] = [
        (variable::STAGE, "staging"),
        (variable::TABLE, "portcullis"),
        (variable::AWS_REGION, "eu-central-1"),
        (variable::AWS_ACCESS_KEY_ID, "AKID"),
        (variable::AWS_SECRET_ACCESS_KEY, "do-not-print"),
        (variable::AWS_SESSION_TOKEN, "do-not-print"),
        (variable::PUBLIC_URL, "https://portal.example/"),
        (variable::ISSUER_URL, "https://issuer.example/pool"),
        (variable::ISSUER_AUDIENCE, "portcullis"),
        (variable::LETTERS_QUEUE_URL, "https://sqs.eu-central-1.amazonaws.com/1/letters"),
    ];

    fn with(variable: &str, value: &str) -> Environment {
        GOOD.into_iter().chain([(variable, value)]).collect()
    }

    fn read_all(environment: &Environment) -> Result<(), ConfigError> {
        Config::read(environment)?;
        IssuerSettings::read(environment)?;
        public_url(environment)?;
        queue_url(environment, variable::LETTERS_QUEUE_URL)?;
        mail_configuration(environment)?;
        event_bus(environment)?;
        archive_bucket(environment)?;
        inbound_domain(environment)?;
        inbound_bucket(environment)?;
        optional_queue_url(environment, variable::EVALUATIONS_QUEUE_URL)?;
        Ok(())
    }

    #[test]
    fn the_environment_becomes_types() {
        let environment: Environment = GOOD.into_iter().collect();
        let config = Config::read(&environment).unwrap();
        assert_eq!((config.stage, config.table.as_str()), (Stage::Staging, "portcullis"));
        assert_eq!(config.aws.endpoint_url, None);
        assert_eq!(public_url(&environment).unwrap(), "https://portal.example");
        let issuer = IssuerSettings::read(&environment).unwrap();
        assert_eq!(issuer.keys_url, "https://issuer.example/pool/.well-known/jwks.json");
        assert!(issuer.says_mfa);
        assert_eq!(mail_configuration(&environment), Ok(None));
        read_all(&environment).unwrap();
    }

    #[test]
    fn a_missing_variable_is_named_with_what_was_expected() {
        let required = GOOD.into_iter().filter(|(name, _)| *name != variable::AWS_SESSION_TOKEN);
        for (variable, _) in required {
            for environment in [
                GOOD.into_iter().filter(|(name, _)| *name != variable).collect(),
                with(variable, ""),
                with(variable, "  "),
            ] {
                let error = read_all(&environment).unwrap_err();
                assert!(matches!(error, ConfigError::Missing { variable: v, .. } if v == variable));
                let text = error.to_string();
                assert!(text.contains(variable) && text.contains("expected"), "{text}");
            }
        }
    }

    #[test]
    fn a_wrong_variable_is_named_with_its_value_and_what_was_expected() {
        for (variable, value, expected) in [
            (variable::STAGE, "prod", "local, staging or production"),
            (variable::TABLE, "a", "3 to 255"),
            (variable::TABLE, "port cullis", "3 to 255"),
            (variable::AWS_REGION, "Europe", "us-east-1"),
            (variable::AWS_ENDPOINT_URL, "127.0.0.1:4566", "http or https"),
            (variable::AWS_ENDPOINT_URL, "ftp://127.0.0.1", "http or https"),
            (variable::PUBLIC_URL, "http://portal.example", "https address"),
            (variable::PUBLIC_URL, "https://", "https address"),
            (variable::PUBLIC_URL, "https://portal.example?x=1", "https address"),
            (variable::PUBLIC_URL, "https://bank.example@portal.example", "https address"),
            (variable::ISSUER_URL, "issuer.example", "https address"),
            (variable::ISSUER_KEYS_URL, "http://issuer.example/keys", "https address"),
            (variable::ISSUER_SAYS_MFA, "yes", "true or false"),
            (variable::LETTERS_QUEUE_URL, "letters", "SQS queue"),
            (variable::EVALUATIONS_QUEUE_URL, "evaluations", "SQS queue"),
            (variable::MAIL_CONFIGURATION, "let ters", "configuration set"),
            (variable::EVENT_BUS, "a bus", "event bus"),
            (variable::ARCHIVE_BUCKET, "Archive", "3 to 63"),
            (variable::INBOUND_BUCKET, "In", "3 to 63"),
            (variable::INBOUND_DOMAIN, "in", "a domain"),
            (variable::INBOUND_DOMAIN, "in..example", "a domain"),
            (variable::INBOUND_DOMAIN, "In.Example", "a domain"),
        ] {
            let text = read_all(&with(variable, value)).unwrap_err().to_string();
            for part in [variable, value, expected] {
                assert!(text.contains(part), "for {variable}={value}: {text}");
            }
        }
    }

    #[test]
    fn http_is_for_this_machine_only() {
        for url in ["http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080"] {
            assert_eq!(public_url(&with(variable::PUBLIC_URL, url)).as_deref(), Ok(url));
        }
        let url = "http://ministack:4566";
        let config = Config::read(&with(variable::AWS_ENDPOINT_URL, url)).unwrap();
        assert_eq!(config.aws.endpoint_url.as_deref(), Some(url));
    }

    #[test]
    fn sec_5_no_secret_is_printed() {
        let environment: Environment = GOOD.into_iter().collect();
        let config = Config::read(&environment).unwrap();
        let text = format!("{environment:?} {config:?}");
        assert!(!text.contains("do-not-print"), "{text}");
        assert_eq!(config.aws.secret_access_key.reveal(), "do-not-print");
    }
}
