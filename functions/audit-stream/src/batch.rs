//! A batch of the stream, sorted by what is to be done with it.
//!
//! Each record is read by itself, so that one which no program can read fails alone. A stream's record is named by
//! its number in the shard: that is how Lambda is told from where to go on.

use std::collections::BTreeMap;

use aws_lambda_events::event::dynamodb::EventRecord;
use domain::id::FirmId;
use platform::log::chain;
use serde_json::Value;
use store::{Chain, Image, Ready, Streamed, newly_ready, streamed};

use crate::EventError;

/// What a batch tells.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// What became ready.
    pub(crate) ready: Vec<Ready>,
    /// The commit records, by chain.
    pub(crate) groups: Vec<Group>,
    /// Records of the stream that can't be read, by place and name.
    pub(crate) failed: Vec<(usize, String)>,
    /// Commit records that were changed or deleted after they were written: nobody may.
    pub(crate) touched: u64,
}

/// The commit records of one chain.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) records: Vec<Streamed>,
    /// Their places in the batch, and their names in the stream.
    pub(crate) names: Vec<(usize, String)>,
}

impl Batch {
    /// Reads a batch.
    pub(crate) fn read(mut event: Value) -> Result<Self, EventError> {
        let expected = "Records that each have a SequenceNumber";
        let records = event.get_mut("Records").and_then(Value::as_array_mut);
        let records = records.ok_or(EventError::Unexpected { expected })?;
        let mut batch = Self::default();
        let mut groups: BTreeMap<(FirmId, Chain), Group> = BTreeMap::new();
        for (place, record) in records.iter_mut().enumerate() {
            let name = record["dynamodb"]["SequenceNumber"].as_str();
            let name = name.ok_or(EventError::Unexpected { expected })?.to_owned();
            match batch.sort(record.take(), &name) {
                Ok(None) => {}
                Ok(Some(streamed)) => {
                    let whose = (streamed.firm.clone(), streamed.chain.clone());
                    let group = groups.entry(whose).or_default();
                    group.records.push(streamed);
                    group.names.push((place, name));
                }
                Err(problem) => {
                    tracing::error!(
                        stream.sequence = %name, "Record {name} of the stream can't be read: {problem}"
                    );
                    batch.failed.push((place, name));
                }
            }
        }
        batch.groups = groups.into_values().collect();
        Ok(batch)
    }

    /// Takes from a record what it tells; answers with the commit record that was written, if it is one.
    fn sort(&mut self, record: Value, name: &str) -> Result<Option<Streamed>, String> {
        // serde's own words may quote the item: not for a log (SEC-5).
        let record: EventRecord =
            serde_json::from_value(record).map_err(|_| "it is no record of a stream".to_owned())?;
        let (new, old): (Image, Image) =
            (record.change.new_image.into(), record.change.old_image.into());
        self.ready.extend(newly_ready(&new, &old));
        let before = streamed(&old).map_err(|error| chain(&error));
        let now = streamed(&new).map_err(|error| chain(&error))?;
        let Ok(Some(before)) = before else { return Ok(now) };
        let bytes = |streamed: Streamed| streamed.record.map(|record| (record.hash, record.body));
        let was = (before.sequence, before.chain.to_string(), before.firm.to_string());
        if bytes(before) != now.and_then(bytes) {
            let (sequence, chain, firm) = was;
            tracing::error!(
                stream.sequence = %name, firm.id = %firm, sequence,
                "Record {sequence} of {chain} of firm {firm} was changed or deleted in the table"
            );
            self.touched += 1;
        }
        Ok(None)
    }
}
