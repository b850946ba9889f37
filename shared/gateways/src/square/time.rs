//! Square's times: RFC 3339 text, with or without a part of a second.

use chrono::{DateTime, SecondsFormat};

/// Unix seconds; none if it is no such time.
pub fn unix(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp())
}

/// As text; a time beyond all calendars becomes their end.
pub fn rfc_3339(unix: i64) -> String {
    let time = DateTime::from_timestamp(unix, 0).unwrap_or(DateTime::<chrono::Utc>::MAX_UTC);
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_there_and_back() {
        for (text, expected) in [
            ("2026-09-21T14:13:18.4Z", Some(1_790_000_000 - 2)),
            ("2026-09-21T14:13:20Z", Some(1_790_000_000)),
            ("2026-09-21T16:13:20+02:00", Some(1_790_000_000)),
            ("2026-09-21", None),
            ("", None),
        ] {
            assert_eq!(unix(text), expected, "for {text:?}");
        }
        assert_eq!(rfc_3339(1_790_000_000), "2026-09-21T14:13:20Z");
    }
}
