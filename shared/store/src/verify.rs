//! `verify`: walks a chain of commit records from its beginning and names the first that is broken
//! (AUD-1).

use std::fmt;

use domain::audit::{Broken, Record as Link, Verifier};
use domain::id::ClientId;

use crate::Store;
use crate::dynamo::Range;
use crate::error::StoreError;
use crate::head::Books;
use crate::item::Item;
use crate::keys::{Key, prefix};
use crate::record::{StoredRecord, assemble, assemble_texts, sequence_of};

/// What a walk along a chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every record is as it was written.
    Whole {
        /// How many there are.
        records: u64,
    },
    /// The first that isn't.
    Broken(Breach),
}

/// Where and how a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// The chain itself.
    #[error(transparent)]
    Chain(#[from] Broken),
    /// A record that isn't one any more.
    #[error("record {sequence} can't be read: {problem}")]
    Unreadable {
        /// Its number.
        sequence: u64,
        /// Why not.
        problem: String,
    },
    /// A personal text that isn't what was hashed; one that was deleted is no breach.
    #[error("text {text} of record {sequence} was changed")]
    Text {
        /// The record's number.
        sequence: u64,
        /// Which of its texts.
        text: usize,
    },
    /// There are records, and no account.
    #[error("the account of these records is missing")]
    NoHead,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole { records } => write!(f, "{records} records, all as they were written"),
            Self::Broken(breach) => write!(f, "{breach}"),
        }
    }
}

impl Store {
    /// Verifies a client's chain.
    ///
    /// # Errors
    /// Whatever reading has; a broken chain is an answer, not an error.
    pub async fn verify(&self, client: &ClientId) -> Result<Verdict, StoreError> {
        let pk = Key::Head(client).pk(&self.firm);
        // The head first: what is committed while the records are read is not looked at.
        let head = self.dynamo.get(&Key::Head(client).place(&self.firm)).await?;
        let records = self.whole(&pk, prefix::RECORD).await?;
        let texts = self.whole(&pk, prefix::TEXTS).await?;
        let head = match head {
            Some(head) => Books::read(&head)?,
            None if records.is_empty() => return Ok(Verdict::Whole { records: 0 }),
            None => return Ok(Verdict::Broken(Breach::NoHead)),
        };
        if let Some(broken) = self.beyond(client, &head, &records).await? {
            return Ok(Verdict::Broken(broken.into()));
        }
        let verifier = Verifier::new(&self.firm, client);
        walk(verifier, records, &texts, (head.records, head.chain))
    }

    /// Records that no commit wrote: past the head as it is by now.
    async fn beyond(
        &self,
        client: &ClientId,
        head: &Books,
        records: &[Item],
    ) -> Result<Option<Broken>, StoreError> {
        let found = records.last().map_or(0, sequence_of);
        if found <= head.records {
            return Ok(None);
        }
        let now = self.dynamo.get(&Key::Head(client).place(&self.firm)).await?;
        let expected = now.map(|now| Books::read(&now)).transpose()?.map_or(0, |now| now.records);
        Ok((expected < found).then_some(Broken::CutTail { expected, found }))
    }

    pub(crate) async fn whole(&self, pk: &str, prefix: &str) -> Result<Vec<Item>, StoreError> {
        let range = Range {
            pk: pk.to_owned(),
            prefix: Some(prefix.to_owned()),
            is_consistent: true,
            ..Range::default()
        };
        Ok(self.dynamo.query(range).await?.0)
    }
}

/// Walks a chain whose end is known.
pub(crate) fn walk(
    mut verifier: Verifier,
    records: Vec<Item>,
    texts: &[Item],
    (count, end): (u64, domain::audit::ChainHash),
) -> Result<Verdict, StoreError> {
    let texts = assemble_texts(texts)?;
    for record in assemble(records) {
        let record = match record {
            Ok(record) if count < record.sequence => break,
            Ok(record) => record,
            Err((sequence, error)) => {
                let problem = error.to_string();
                return Ok(Verdict::Broken(Breach::Unreadable { sequence, problem }));
            }
        };
        if let Err(broken) = verifier.next(&link(&record)) {
            return Ok(Verdict::Broken(broken.into()));
        }
        let sequence = record.sequence;
        let texts = texts.get(&sequence).map_or(&[][..], Vec::as_slice);
        match record.open(texts) {
            Ok((_, wrong)) => {
                if let Some(&text) = wrong.first() {
                    return Ok(Verdict::Broken(Breach::Text { sequence, text }));
                }
            }
            Err(error) => {
                let problem = error.to_string();
                return Ok(Verdict::Broken(Breach::Unreadable { sequence, problem }));
            }
        }
    }
    Ok(match verifier.end(count, end) {
        Ok(records) => Verdict::Whole { records },
        Err(broken) => Verdict::Broken(broken.into()),
    })
}

fn link(record: &StoredRecord) -> Link<'_> {
    Link {
        sequence: record.sequence,
        previous: record.previous,
        hash: record.hash,
        body: record.body.as_bytes(),
    }
}
