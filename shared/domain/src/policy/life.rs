//! The life of a policy's versions (POL-1, POL-7): written as a draft, let run beside as a shadow, armed.
//!
//! A version's text never changes; what it is does. In force on a day is the newest version that was armed for it,
//! so one that is armed for an earlier day takes the place of all that were to come: that is said, and asked for
//! here, so that nobody believes in a version that never comes.

use serde::{Deserialize, Serialize};

use crate::calendar::Day;

/// What a version is.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Written, and nothing more.
    Draft,
    /// It decides beside the one in force, and what it would do is recorded and not done.
    Shadow,
    /// In force from its day on.
    #[default]
    Armed,
    /// Taken back before it ever was in force.
    Withdrawn,
}

impl State {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Shadow => "shadow",
            Self::Armed => "armed",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Whether it is as most of them are.
    pub fn is_armed(&self) -> bool {
        *self == Self::Armed
    }
}

/// A version, as far as its life is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Which.
    pub version: u32,
    /// What it is.
    pub state: State,
    /// From when on, if it is armed.
    pub effective_on: Day,
}

/// The version that is in force on that day, of those of a class.
pub fn in_force(versions: &[Standing], day: Day) -> Option<u32> {
    let armed = versions.iter().filter(|known| known.state.is_armed() && known.effective_on <= day);
    armed.map(|known| known.version).max()
}

/// Whether an armed version never comes, or never came: a newer one was armed for its first day, or before.
pub fn is_replaced(versions: &[Standing], version: Standing) -> bool {
    version.state.is_armed()
        && versions.iter().any(|newer| {
            newer.state.is_armed()
                && version.version < newer.version
                && newer.effective_on <= version.effective_on
        })
}

/// The versions that would never come, were a new one armed from that day on.
pub fn replaced_by(versions: &[Standing], from: Day) -> Vec<u32> {
    let to_come = |known: &&Standing| {
        known.state.is_armed() && from <= known.effective_on && !is_replaced(versions, **known)
    };
    versions.iter().filter(to_come).map(|known| known.version).collect()
}

/// Why a version can't be taken back, if it can't.
pub fn stays(versions: &[Standing], version: Standing, today: Day) -> Option<String> {
    match version.state {
        State::Draft | State::Shadow => None,
        State::Withdrawn => Some("it was taken back before".to_owned()),
        State::Armed if is_replaced(versions, version) => None,
        State::Armed if version.effective_on <= today => {
            Some("it is in force, or was: decisions name it".to_owned())
        }
        // What is new in a later version was found by comparing it with this one.
        State::Armed => {
            let later = versions
                .iter()
                .filter(|known| known.state.is_armed() && version.version < known.version)
                .map(|known| known.version)
                .max()?;
            Some(format!("version {later} was made of it and is armed: take that one back first"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::parse_day;

    fn day(text: &str) -> Day {
        parse_day(text).unwrap()
    }

    fn versions(rows: &[(u32, State, &str)]) -> Vec<Standing> {
        let standing = |&(version, state, on): &(u32, State, &str)| Standing {
            version,
            state,
            effective_on: day(on),
        };
        rows.iter().map(standing).collect()
    }

    #[test]
    fn pol_1_the_newest_armed_version_of_the_day_is_in_force() {
        use State::{Armed, Draft, Shadow, Withdrawn};
        let all = versions(&[
            (1, Armed, "2026-01-01"),
            (2, Armed, "2026-12-01"),
            (3, Draft, "2026-11-01"),
            (4, Shadow, "2026-11-01"),
            (5, Withdrawn, "2026-11-01"),
        ]);
        for (on, expected) in [
            ("2025-12-31", None),
            ("2026-01-01", Some(1)),
            ("2026-11-30", Some(1)),
            ("2026-12-01", Some(2)),
        ] {
            assert_eq!(in_force(&all, day(on)), expected, "on {on}");
        }
    }

    #[test]
    fn pol_1_what_is_armed_for_an_earlier_day_replaces_what_was_to_come() {
        use State::Armed;
        let two = versions(&[(1, Armed, "2026-01-01"), (2, Armed, "2026-12-01")]);
        for (from, expected) in
            [("2026-11-01", &[2][..]), ("2026-12-01", &[2]), ("2026-12-02", &[])]
        {
            assert_eq!(replaced_by(&two, day(from)), expected, "from {from}");
        }
        let three = versions(&[
            (1, Armed, "2026-01-01"),
            (2, Armed, "2026-12-01"),
            (3, Armed, "2026-11-22"),
        ]);
        let replaced: Vec<_> =
            three.iter().filter(|known| is_replaced(&three, **known)).map(|v| v.version).collect();
        assert_eq!(replaced, [2]);
        assert_eq!(in_force(&three, day("2026-12-05")), Some(3));
        assert_eq!(replaced_by(&three, day("2026-11-25")), Vec::<u32>::new());
    }

    #[test]
    fn pol_1_what_was_in_force_stays() {
        use State::{Armed, Draft, Shadow, Withdrawn};
        let all = versions(&[
            (1, Armed, "2026-01-01"),
            (2, Armed, "2026-12-01"),
            (3, Armed, "2026-12-10"),
            (4, Draft, "2026-11-01"),
            (5, Shadow, "2026-11-01"),
            (6, Withdrawn, "2026-11-01"),
        ]);
        let today = day("2026-11-22");
        for (version, expected) in [
            (1, Some("it is in force, or was: decisions name it")),
            (2, Some("version 3 was made of it and is armed: take that one back first")),
            (3, None),
            (4, None),
            (5, None),
            (6, Some("it was taken back before")),
        ] {
            let standing = *all.iter().find(|known| known.version == version).unwrap();
            assert_eq!(stays(&all, standing, today).as_deref(), expected, "version {version}");
        }
    }
}
