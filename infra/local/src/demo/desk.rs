//! What staff write down beside the story: notes, calls, and whose a task is (`desk.csv`).

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use domain::calendar::Day;
use domain::command::Command;
use domain::id::{ClientId, InvoiceId, StaffId};
use domain::note::NoteKind;
use domain::role::Actor;
use domain::text::Personal;
use serde::Deserialize;
use services::execute::{Caller, execute, view};
use services::firm::Firm;

use super::people::STAFF;

const DESK: &str = include_str!("desk.csv");

/// One thing that somebody wrote down.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Jotting {
    /// When.
    pub(super) on: Day,
    client: ClientId,
    by: StaffId,
    act: Act,
    /// A note's invoice, if it is about one; an assignment's kind of task.
    about: String,
    /// What a note says; to whom a task is assigned.
    text: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Act {
    Note,
    Call,
    Assign,
}

pub(super) fn read() -> Result<Vec<Jotting>> {
    let rows = csv::Reader::from_reader(DESK.as_bytes()).into_deserialize();
    rows.collect::<Result<_, _>>().context("the demo's desk.csv can't be read")
}

impl Jotting {
    /// On whom.
    pub(super) fn client(&self) -> &ClientId {
        &self.client
    }

    /// Writes it down, under that name.
    pub(super) async fn write(
        &self,
        firm: &Firm,
        request: String,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let command = match self.act {
            Act::Note => self.note(NoteKind::Note)?,
            Act::Call => self.note(NoteKind::Call)?,
            Act::Assign => self.assign(firm, now).await?,
        };
        let staff = STAFF.iter().find(|staff| staff.name == self.by.as_str());
        let role = staff.with_context(|| format!("{} does not work here", self.by))?.role;
        let actor = Actor::Staff { id: self.by.clone(), roles: BTreeSet::from([role]) };
        let caller = Caller { actor, request_id: Some(request) };
        execute(firm, &self.client, &command, &caller, now).await?;
        Ok(())
    }

    fn note(&self, kind: NoteKind) -> Result<Command> {
        let invoice = (!self.about.is_empty()).then(|| self.about.parse::<InvoiceId>());
        let (invoice, text) = (invoice.transpose()?, Personal::new(self.text.as_str()));
        Ok(Command::AddNote { kind, invoice, text })
    }

    async fn assign(&self, firm: &Firm, now: DateTime<Utc>) -> Result<Command> {
        let view = view(firm, &self.client, now).await?.context("there is no such client")?;
        let mut tasks = view.loaded.account.tasks.values();
        let task = tasks.find(|task| task.about.kind() == self.about);
        let task = task.with_context(|| format!("{} has no task {}", self.client, self.about))?.id;
        Ok(Command::AssignTask { task, to: self.text.parse()? })
    }
}
