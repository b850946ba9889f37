//! From where somebody tries to sign in, as far as tries are counted (SEC-4).
//!
//! An IPv4 address is one; of an IPv6 address the first half, since a household or a server is given all of the
//! other half and could try from each.

use std::fmt;
use std::net::IpAddr;

/// A network that tries are counted by.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin(String);

impl Origin {
    /// Of the address that a request comes from: the one that the gateway saw, not one that a header claims.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.to_string()),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self(format!("{a:x}:{b:x}:{c:x}:{d:x}::/64"))
            }
        }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Origin(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_4_where_tries_are_counted() {
        for (address, expected) in [
            ("203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::", "2001:db8:1:2::/64"),
            ("::1", "0:0:0:0::/64"),
        ] {
            let origin = Origin::of(address.parse().unwrap());
            assert_eq!(origin.as_str(), expected);
            assert_eq!(format!("{origin:?}"), "Origin(…)");
        }
    }
}
