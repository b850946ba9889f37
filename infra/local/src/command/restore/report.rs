//! What is missing or was put back, for people or as JSON lines.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anyhow::Result;
use chrono::{DateTime, SecondsFormat, Utc};
use domain::id::{ClientId, FirmId};
use domain::letter::LetterId;
use serde_json::{Value, json};
use services::archive::check::Difference;
use services::archive::restore::Missing;
use store::{Chain, Lost};

use crate::command::Verdict;

/// What was found or done, chain by chain.
#[derive(Debug, Default)]
pub(super) struct Report {
    json: bool,
    chains: u64,
    missing: u64,
    put_back: u64,
    others: u64,
    events: BTreeMap<String, u64>,
    last: Option<DateTime<Utc>>,
}

impl Report {
    pub(super) fn new(json: bool) -> Self {
        Self { json, ..Self::default() }
    }

    /// A chain that has all.
    pub(super) fn whole(&mut self) {
        self.chains += 1;
    }

    /// Records that a chain lacks, with what they say and when that was.
    pub(super) fn missing(
        &mut self,
        firm: &FirmId,
        missing: &Missing,
        told: &[(Option<DateTime<Utc>>, Vec<String>)],
    ) -> Result<()> {
        let Missing { chain, first, last } = missing;
        self.chains += 1;
        self.missing += last - first + 1;
        self.last = self.last.max(told.iter().filter_map(|(at, _)| *at).max());
        let mut events = BTreeMap::new();
        for event in told.iter().flat_map(|(_, events)| events) {
            *events.entry(event.clone()).or_insert(0) += 1;
            *self.events.entry(event.clone()).or_insert(0) += 1;
        }
        let line =
            json!({"missing": last - first + 1, "first": first, "last": last, "events": events});
        self.line(firm, chain, line, || {
            format!("{} missing: {}", numbers(*first, *last), counted(&events))
        })
    }

    /// A chain that is no earlier moment of the archived one.
    pub(super) fn other(
        &mut self,
        firm: &FirmId,
        chain: &Chain,
        difference: &Difference,
    ) -> Result<()> {
        self.chains += 1;
        self.others += 1;
        self.line(firm, chain, json!({"different": difference.to_string()}), || {
            format!("nothing can be put back: {difference}")
        })
    }

    /// Records that are there again, and what of them is not.
    pub(super) fn put_back(
        &mut self,
        firm: &FirmId,
        missing: &Missing,
        lost: &[(u64, Lost)],
    ) -> Result<()> {
        let Missing { chain, first, last } = missing;
        self.chains += 1;
        self.put_back += last - first + 1;
        let lost: Vec<_> =
            lost.iter().map(|(sequence, lost)| format!("{lost} (record {sequence})")).collect();
        let line =
            json!({"put_back": last - first + 1, "first": first, "last": last, "lost": lost});
        self.line(firm, chain, line, || {
            let put_back = format!("{} put back", numbers(*first, *last));
            match lost.is_empty() {
                true => put_back,
                false => format!("{put_back}; not kept anywhere: {}", lost.join(", ")),
            }
        })
    }

    /// Letters that were on their way at the moment of the table.
    pub(super) fn unknown_letters(
        &self,
        firm: &FirmId,
        letters: &[(ClientId, LetterId)],
    ) -> Result<()> {
        for (client, letter) in letters {
            let chain = Chain::Client(client.clone());
            self.line(firm, &chain, json!({"unknown_letter": letter}), || {
                format!("whether letter {} left is not known; it is not sent again", letter.0)
            })?;
        }
        Ok(())
    }

    /// A firm waits for a person.
    pub(super) fn stopped(&self, firm: &FirmId) -> Result<()> {
        self.line(firm, &Chain::Firm, json!({"stopped": true}), || {
            "stopped: no lock is set and no letter leaves until a partner or an admin lifts it"
                .to_owned()
        })
    }

    /// The last lines, and whether the table has all that the archive has.
    pub(super) fn sum_up(&self) -> Result<Verdict> {
        let Self { json, chains, missing, put_back, others, events, last } = self;
        let mut out = io::stdout().lock();
        if !json {
            let mut text = match (missing, put_back) {
                (0, 0) => format!("{chains} chains: the table has all that the archive has"),
                (0, count) => format!("{chains} chains: {count} records put back"),
                (count, _) => {
                    format!("{chains} chains: {count} records missing: {}", counted(events))
                }
            };
            if 0 < *others {
                text = format!("{text}; {others} chains are no earlier moment of the archive's");
            }
            writeln!(out, "{text}")?;
            if let Some(last) = last {
                let last = last.to_rfc3339_opts(SecondsFormat::Secs, true);
                writeln!(
                    out,
                    "The last of them is of {last}. What came after that was not archived: have the gateways send \
                     their events since again"
                )?;
            }
        }
        Ok(if *missing + *others == 0 { Verdict::Done } else { Verdict::Failed })
    }

    fn line(
        &self,
        firm: &FirmId,
        chain: &Chain,
        mut line: Value,
        text: impl FnOnce() -> String,
    ) -> Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            line["firm"] = json!(firm);
            match chain {
                Chain::Client(client) => line["client"] = json!(client),
                Chain::Contact(contact) => line["contact"] = json!(contact),
                Chain::Firm => {}
            }
            writeln!(out, "{line}")?;
        } else {
            match chain {
                Chain::Firm => writeln!(out, "firm {firm}: {}", text())?,
                chain => writeln!(out, "firm {firm}, {chain}: {}", text())?,
            }
        }
        Ok(())
    }
}

fn numbers(first: u64, last: u64) -> String {
    match first == last {
        true => format!("record {first}"),
        false => format!("records {first} to {last}"),
    }
}

fn counted(events: &BTreeMap<String, u64>) -> String {
    let counted: Vec<_> = events.iter().map(|(name, count)| format!("{count} {name}")).collect();
    counted.join(", ")
}
