//! Stripe's own SDK as the sandbox's client: `cargo xtask test` makes its environment and says where it is.
//!
//! Each case is a function of `sdk.py` by the test's name, against a sandbox of its own on the machine's
//! time, since the SDK checks a webhook's age with that.

use std::path::Path;
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::process::Command;

use crate::bench::Bench;

/// The Python that has the SDK; without one there is nothing to run.
const PYTHON: &str = "PORTCULLIS_TEST_STRIPE_SDK";

async fn run(case: &str) {
    let Some(python) = std::env::var_os(PYTHON) else { return };
    let bench = Bench::start().await;
    #[allow(clippy::disallowed_methods, reason = "the SDK checks a webhook's age with this clock")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    bench.wait(i64::try_from(now).unwrap() - bench.now());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stripe/sdk.py");
    let mut command = Command::new(python);
    command.arg("-B").arg(script).args([&bench.url, case]).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("is as the SDK expects"), "{case}: {said}");
}

macro_rules! cases {
    ($($name:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            run(stringify!($name)).await;
        }
    )*};
}

/// The module's name is in each test's: by it they are chosen.
mod stripe_sdk {
    use super::run;

    cases! {
        sessions
        session_is_paid
        payment_intents
        declined_card_is_a_card_error
        customers_and_saved_methods
        setup_sessions
        saved_methods_are_charged
        refunds
        disputes
        bank_debit
        events_page_by_page
        idempotency
        errors
        webhooks
    }
}
