//! A key or signing secret, which neither a log line nor an answer may show (SEC-5).

use std::fmt;

/// Text that is shown nowhere: no `Display`, no `Serialize`, and a `Debug` without it.
///
/// ```compile_fail
/// fn shown(value: impl serde::Serialize) {}
/// shown(gateways::Secret::from("whsec_test"));
/// ```
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the one place that signs or sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether nothing was configured: anybody can sign with an empty secret.
    pub fn is_blank(&self) -> bool {
        self.0.trim().is_empty()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_5_a_secret_is_not_printed() {
        let text = format!("{:?}", Some(Secret::from("sk_test_1234")));
        assert_eq!(text, "Some(Secret(…))");
    }

    #[test]
    fn a_secret_of_blanks_is_blank() {
        for (text, is_blank) in [("", true), (" \t\n", true), ("x", false)] {
            assert_eq!(Secret::from(text).is_blank(), is_blank, "for {text:?}");
        }
    }
}
