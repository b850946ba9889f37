//! The hash chain of a client's commit records (AUD-1).
//!
//! Each record is hashed together with the hash of the one before, over its stored bytes, so that an
//! edit, a gap or a swap breaks the chain at that place. What the bytes say is the store's business.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::id::{ClientId, ContactId, FirmId};

/// The hash of a record and of everything before it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChainHash([u8; 32]);

impl ChainHash {
    /// What the first record of a client follows: bound to firm and client, so that a whole chain
    /// can't be moved to another client.
    pub fn genesis(firm: &FirmId, client: &ClientId) -> Self {
        Self::of(&[b"portcullis chain 1", firm.as_str().as_bytes(), client.as_str().as_bytes()])
    }

    /// What the first record of a contact follows, which no client's does.
    pub fn genesis_of_contact(firm: &FirmId, contact: &ContactId) -> Self {
        Self::of(&[b"portcullis contact 1", firm.as_str().as_bytes(), contact.as_str().as_bytes()])
    }

    /// The hash of the record with that sequence number and those bytes, after this one.
    pub fn next(&self, sequence: u64, body: &[u8]) -> Self {
        Self::of(&[&self.0, &sequence.to_be_bytes(), body])
    }

    /// Each part goes in with its length, so that no two lists of parts hash alike.
    fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// From 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 || !text.is_ascii() {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A commit record as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// Counted from 1.
    pub sequence: u64,
    /// The hash of the record before.
    pub previous: ChainHash,
    /// The hash of this one.
    pub hash: ChainHash,
    /// Its stored bytes.
    pub body: &'a [u8],
}

/// Where a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// One or more are missing, or two were swapped.
    #[error("record {expected} is missing: record {found} follows instead")]
    Gap {
        /// The number that should come.
        expected: u64,
        /// The one that does.
        found: u64,
    },
    /// The record doesn't follow the one before it.
    #[error("record {sequence} doesn't follow the one before it")]
    NotFollowing {
        /// Its number.
        sequence: u64,
    },
    /// The record isn't what was written.
    #[error("record {sequence} was changed")]
    Changed {
        /// Its number.
        sequence: u64,
    },
    /// The chain's end isn't where the account says.
    #[error("the chain ends at record {found}, the account is at {expected}")]
    CutTail {
        /// The account's version.
        expected: u64,
        /// The last record.
        found: u64,
    },
    /// The last record's hash isn't the account's.
    #[error("the account doesn't follow record {sequence}")]
    OtherHead {
        /// The last record.
        sequence: u64,
    },
}

/// Walks a chain from its beginning.
#[derive(Debug, Clone)]
pub struct Verifier {
    sequence: u64,
    hash: ChainHash,
}

impl Verifier {
    /// At the beginning of a client's chain.
    pub fn new(firm: &FirmId, client: &ClientId) -> Self {
        Self { sequence: 0, hash: ChainHash::genesis(firm, client) }
    }

    /// At the beginning of a contact's chain.
    pub fn of_contact(firm: &FirmId, contact: &ContactId) -> Self {
        Self { sequence: 0, hash: ChainHash::genesis_of_contact(firm, contact) }
    }

    /// The next record.
    ///
    /// # Errors
    /// Says how the record breaks the chain, if it does.
    pub fn next(&mut self, record: &Record<'_>) -> Result<(), Broken> {
        let expected = self.sequence + 1;
        let sequence = record.sequence;
        if sequence != expected {
            return Err(Broken::Gap { expected, found: sequence });
        }
        if record.previous != self.hash {
            return Err(Broken::NotFollowing { sequence });
        }
        if self.hash.next(sequence, record.body) != record.hash {
            return Err(Broken::Changed { sequence });
        }
        self.sequence = sequence;
        self.hash = record.hash;
        Ok(())
    }

    /// The end of the chain, which the account's head must agree with; answers the count of records.
    ///
    /// # Errors
    /// [`Broken::CutTail`] and [`Broken::OtherHead`].
    pub fn end(self, version: u64, hash: ChainHash) -> Result<u64, Broken> {
        if self.sequence != version {
            return Err(Broken::CutTail { expected: version, found: self.sequence });
        }
        if self.hash != hash {
            return Err(Broken::OtherHead { sequence: self.sequence });
        }
        Ok(self.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Stored = (u64, ChainHash, ChainHash, Vec<u8>);

    fn chain(bodies: &[&str]) -> Vec<Stored> {
        let (firm, client) = ("f-1".parse().unwrap(), "acme".parse().unwrap());
        let mut hash = ChainHash::genesis(&firm, &client);
        let records = bodies.iter().zip(1..).map(|(body, sequence)| {
            let previous = hash;
            hash = hash.next(sequence, body.as_bytes());
            (sequence, previous, hash, body.as_bytes().to_vec())
        });
        records.collect()
    }

    fn verify(records: &[Stored], version: u64, head: ChainHash) -> Result<u64, String> {
        let mut verifier = Verifier::new(&"f-1".parse().unwrap(), &"acme".parse().unwrap());
        for (sequence, previous, hash, body) in records {
            let record = Record { sequence: *sequence, previous: *previous, hash: *hash, body };
            verifier.next(&record).map_err(|broken| broken.to_string())?;
        }
        verifier.end(version, head).map_err(|broken| broken.to_string())
    }

    #[test]
    fn aud_1_a_whole_chain_verifies() {
        let records = chain(&["a", "b", "c"]);
        assert_eq!(verify(&records, 3, records[2].2), Ok(3));
        let genesis = ChainHash::genesis(&"f-1".parse().unwrap(), &"acme".parse().unwrap());
        assert_eq!(verify(&[], 0, genesis), Ok(0));
    }

    #[test]
    fn aud_1_each_way_to_break_a_chain_is_found() {
        let records = chain(&["a", "b", "c"]);
        let head = records[2].2;
        let changed = |change: fn(&mut Vec<Stored>)| {
            let mut records = records.clone();
            change(&mut records);
            records
        };
        let cases = [
            (changed(|r| r[1].3 = b"x".to_vec()), 3, head, "record 2 was changed"),
            (changed(|r| r[2].2 = r[1].2), 3, head, "record 3 was changed"),
            (
                changed(|r| {
                    r.remove(1);
                }),
                3,
                head,
                "record 2 is missing: record 3 follows instead",
            ),
            (
                changed(|r| {
                    r.remove(0);
                }),
                3,
                head,
                "record 1 is missing: record 2 follows instead",
            ),
            (changed(|r| r.swap(1, 2)), 3, head, "record 2 is missing: record 3 follows instead"),
            (
                changed(|r| {
                    r.pop();
                }),
                3,
                head,
                "the chain ends at record 2, the account is at 3",
            ),
            (records.clone(), 3, records[1].2, "the account doesn't follow record 3"),
            (records.clone(), 2, head, "the chain ends at record 3, the account is at 2"),
            (
                changed(|r| {
                    // Rewritten from the second record on, but for the link to the first.
                    let forged = chain(&["x", "b", "c"]);
                    r[1] = forged[1].clone();
                    r[2] = forged[2].clone();
                }),
                3,
                head,
                "record 2 doesn't follow the one before it",
            ),
        ];
        for (records, version, head, expected) in cases {
            assert_eq!(verify(&records, version, head).unwrap_err(), expected);
        }
    }

    #[test]
    fn aud_1_a_chain_belongs_to_its_client() {
        let genesis = |firm: &str, client: &str| {
            ChainHash::genesis(&firm.parse().unwrap(), &client.parse().unwrap())
        };
        assert_ne!(genesis("f-1", "acme"), genesis("f-1", "beta"));
        assert_ne!(genesis("f-1", "acme"), genesis("f-2", "acme"));
        assert_ne!(genesis("ab", "c"), genesis("a", "bc"));
        let contact =
            ChainHash::genesis_of_contact(&"f-1".parse().unwrap(), &"acme".parse().unwrap());
        assert_ne!(contact, genesis("f-1", "acme"));
        let hash = genesis("f-1", "acme");
        assert_eq!(ChainHash::from_hex(&hash.to_string()), Some(hash));
        for text in ["", "zz", &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(ChainHash::from_hex(text), None, "for {text:?}");
        }
    }
}
