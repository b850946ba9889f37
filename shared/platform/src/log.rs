//! The log: one JSON object a line, which CloudWatch can search by field.
//!
//! It holds no personal data, tokens or payloads (SEC-5): ids of ours, counts and the chain of an
//! error's causes. The libraries that see whole requests are held at `warn` whatever the filter says.

use std::error::Error;
use std::io;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::{Layer, Registry, layer::SubscriberExt};

/// The variable that sets the filter, in `tracing`'s words: `info`, `services=debug,warn`, …
pub const FILTER_VARIABLE: &str = "RUST_LOG";

/// What is logged unless the filter says otherwise. The embedded table warns of each condition that doesn't hold, which
/// is an answer that we asked for.
const DEFAULT_FILTER: &str = "info,dynoxide::server=error";

/// These print headers and bodies below `warn`.
const HELD_AT_WARN: [&str; 10] = [
    "aws_runtime",
    "aws_sdk_dynamodb",
    "aws_sdk_kms",
    "aws_sdk_sesv2",
    "aws_sdk_sqs",
    "aws_smithy_http_client",
    "aws_smithy_runtime",
    "hyper",
    "hyper_util",
    "rustls",
];

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter can't be read.
    #[error(
        "{FILTER_VARIABLE} is {filter:?}, expected a filter such as info or services=debug,warn"
    )]
    Filter {
        /// As given.
        filter: String,
    },
    /// There is one already.
    #[error("the log was begun twice")]
    Twice,
}

/// Who reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// CloudWatch: JSON on standard output.
    Json,
    /// A person at a terminal: text on standard error, where it doesn't mix with output.
    Text,
}

/// Begins the log of this process, with the filter of [`FILTER_VARIABLE`].
///
/// # Errors
/// When the filter can't be read, or when it was begun before.
pub fn begin(format: Format) -> Result<(), LogError> {
    let filter = std::env::var(FILTER_VARIABLE).unwrap_or_default();
    let result = match format {
        Format::Json => tracing::subscriber::set_global_default(json(&filter, io::stdout)?),
        Format::Text => {
            let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(io::stderr);
            let layer = layer.with_filter(filter_of(&filter)?);
            tracing::subscriber::set_global_default(Registry::default().with(layer))
        }
    };
    result.map_err(|_| LogError::Twice)
}

fn json<W>(filter: &str, writer: W) -> Result<impl tracing::Subscriber + use<W>, LogError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_writer(writer);
    Ok(Registry::default().with(layer.with_filter(filter_of(filter)?)))
}

/// By target and level alone: that takes no engine for regular expressions, which each function would carry.
fn filter_of(filter: &str) -> Result<Targets, LogError> {
    let error = |_| LogError::Filter { filter: filter.to_owned() };
    let given: String = filter.split_whitespace().collect();
    let given = if given.is_empty() { DEFAULT_FILTER } else { &given };
    let given: Targets = given.parse().map_err(error)?;
    let default = given.default_level().unwrap_or(LevelFilter::OFF);
    // A part of a library, named by itself, would count more than the library.
    let is_held = |target: &str| HELD_AT_WARN.iter().any(|library| target.starts_with(library));
    let ours: Targets = given.into_iter().filter(|(target, _)| !is_held(target)).collect();
    let held = HELD_AT_WARN.map(|library| (library, LevelFilter::WARN));
    Ok(ours.with_default(default).with_targets(held))
}

/// An error and its causes, in one line; printed once, where the error is answered.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Value;
    use tracing::{debug, info, info_span};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(filter: &str, act: impl FnOnce()) -> Vec<Value> {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = json(filter, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, act);
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_is_one_json_object_that_reads_alone() {
        let lines = logged("", || {
            let _span = info_span!("request", request.id = "r-1").entered();
            info!(client.id = "acme", "Locked the portal of client {}", "acme");
            debug!("not shown");
        });
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["message"], "Locked the portal of client acme");
        assert_eq!(lines[0]["client.id"], "acme");
        assert_eq!(lines[0]["span"]["request.id"], "r-1");
        assert_eq!(lines[0]["level"], "INFO");
    }

    #[test]
    fn sec_5_libraries_that_see_requests_stay_quiet() {
        for filter in
            ["trace", "debug, hyper=trace", "debug,hyper::proto=trace,aws_smithy_runtime=trace"]
        {
            let lines = logged(filter, || {
                tracing::trace!(target: "aws_smithy_runtime::client::http", "a body");
                tracing::debug!(target: "hyper::proto", "a header");
                tracing::warn!(target: "hyper::proto", "a warning");
                debug!("ours");
            });
            let messages: Vec<_> = lines.iter().map(|line| line["message"].clone()).collect();
            assert_eq!(messages, ["a warning", "ours"], "by {filter:?}");
        }
    }

    #[test]
    fn a_filter_says_what_is_logged_of_which_crate() {
        for (filter, expected) in [
            ("", &["info", "store info"][..]),
            ("  ", &["info", "store info"]),
            ("debug", &["info", "debug", "store info"]),
            ("info,store=error", &["info"]),
            ("store=info", &["store info"]),
            ("off", &[]),
        ] {
            let lines = logged(filter, || {
                info!("info");
                debug!("debug");
                info!(target: "store::commit", "store info");
            });
            let messages: Vec<_> = lines.iter().map(|line| line["message"].clone()).collect();
            assert_eq!(messages, expected, "by {filter:?}");
        }
    }

    #[test]
    fn a_filter_that_can_not_be_read_is_quoted() {
        let text = filter_of("services=loud").unwrap_err().to_string();
        assert!(text.contains("services=loud"), "{text}");
    }

    #[test]
    fn a_chain_is_one_line() {
        #[derive(Debug, thiserror::Error)]
        #[error("could not read the ledger")]
        struct Outer(#[source] io::Error);
        let error = Outer(io::Error::other("the connection broke"));
        assert_eq!(chain(&error), "could not read the ledger: the connection broke");
    }
}
