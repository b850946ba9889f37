//! What verifying found, for people or as JSON lines.

use std::io::{self, Write};

use anyhow::Result;
use domain::id::FirmId;
use serde_json::json;
use services::archive::check::{Check, Compared};
use store::{Chain, Verdict as Found};

use crate::command::Verdict;

/// What was found, chain by chain.
#[derive(Debug)]
pub(super) struct Report {
    firm: FirmId,
    json: bool,
    /// Whether a whole chain has a line too.
    says_all: bool,
    chains: u64,
    records: u64,
    waiting: u64,
    broken: u64,
    /// Of how many clients the personal data were deleted.
    deleted: u64,
}

impl Report {
    pub(super) fn new(firm: FirmId, json: bool, says_all: bool) -> Self {
        Self { firm, json, says_all, chains: 0, records: 0, waiting: 0, broken: 0, deleted: 0 }
    }

    pub(super) fn chain(
        &mut self,
        chain: &Chain,
        found: &Found,
        compared: Option<&Compared>,
        is_deleted: bool,
    ) -> Result<()> {
        self.chains += 1;
        self.deleted += u64::from(is_deleted);
        let is_whole = matches!(found, Found::Whole { .. });
        let is_same = !matches!(compared, Some(Compared::Different(_)));
        if let Found::Whole { records } = found {
            self.records += records;
        }
        if let Some(Compared::Same { waiting, .. }) = compared {
            self.waiting += waiting;
        }
        self.broken += u64::from(!is_whole || !is_same);
        let mut out = io::stdout().lock();
        if self.json {
            let client = if let Chain::Client(client) = chain { Some(client) } else { None };
            let mut line = json!({
                "firm": self.firm,
                "client": client,
                "whole": is_whole && is_same,
                "found": found.to_string(),
            });
            if let Chain::Contact(contact) = chain {
                line["contact"] = json!(contact);
            }
            if is_deleted {
                line["personal_data"] = json!("deleted");
            }
            if let Some(compared) = compared {
                line["archive"] = json!(compared.to_string());
            }
            writeln!(out, "{line}")?;
            return Ok(());
        }
        if self.says_all || !is_whole {
            writeln!(out, "{chain}: {found}")?;
        }
        if let Some(compared) = compared.filter(|_| self.says_all || !is_same) {
            writeln!(out, "{chain}: {compared}")?;
        }
        if self.says_all && is_deleted {
            writeln!(out, "{chain}: its personal data were deleted; records hold hashes of them")?;
        }
        Ok(())
    }

    /// The last line, and whether all is well.
    pub(super) fn sum_up(mut self, check: Option<&Check<'_>>) -> Result<Verdict> {
        let mut out = io::stdout().lock();
        for problem in check.map(Check::day_problems).unwrap_or_default() {
            self.broken += 1;
            if self.json {
                let text = problem.to_string();
                let line = json!({"firm": self.firm, "whole": false, "archive": text});
                writeln!(out, "{line}")?;
            } else {
                writeln!(out, "the archive: {problem}")?;
            }
        }
        if !self.json {
            let Self { chains, records, waiting, broken, .. } = self;
            match (broken, check) {
                (0, None) => writeln!(
                    out,
                    "{chains} chains with {records} records: every record is as it was written"
                )?,
                (0, Some(check)) => writeln!(
                    out,
                    "{chains} chains with {records} records: every record is as it was written, and as it was \
                     archived; {} digests, {waiting} records not archived yet",
                    check.digests()
                )?,
                (1, _) => writeln!(out, "{chains} chains: 1 is broken")?,
                _ => writeln!(out, "{chains} chains: {broken} are broken")?,
            }
            match self.deleted {
                0 => {}
                1 => writeln!(
                    out,
                    "of 1 client the personal data were deleted, the records were kept"
                )?,
                more => writeln!(
                    out,
                    "of {more} clients the personal data were deleted, the records were kept"
                )?,
            }
        }
        Ok(if self.broken == 0 { Verdict::Done } else { Verdict::Failed })
    }
}
