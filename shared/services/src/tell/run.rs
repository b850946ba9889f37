//! A run that waits for a partner is told first thing in the morning, with the day's digest (LOCK-10, STAFF-1).
//!
//! It is no client's news, so it is a mail of its own, to every partner who wants any. It has the run's day in
//! its name, so it is made once.

use chrono::{DateTime, Utc};
use domain::calendar::{Day, for_person};
use domain::role::Role;
use domain::tell::Matter;
use letters::staff::{Line, Part, StaffFacts};
use store::{DayRun, Mails, Stage};

use super::directory::Directory;
use super::notice::kept;
use super::{CHOICE_PATH, TASKS_PATH, TellError};
use crate::correspondence::Correspondence;
use crate::firm::Firm;

/// Where runs are.
const RUNS_PATH: &str = "/console/runs/";

impl Correspondence {
    /// Makes the mails about a day's run, if it waits; how many.
    pub(super) async fn tell_of_run(
        &self,
        firm: &Firm,
        day: Day,
        now: DateTime<Utc>,
    ) -> Result<u32, TellError> {
        let run = firm.store().day_run(day).await?;
        let Some(run) = run.filter(|run| run.stage == Stage::Held) else { return Ok(0) };
        let directory = Directory::of(firm).await?;
        let partners = directory.all_of(Role::Partner);
        let mut made = 0;
        for staff in directory.readers(firm, &partners, |mails| mails != Mails::Off).await? {
            let reader = directory.person(&staff).map_or("", |person| person.name.as_str());
            let facts = StaffFacts {
                firm: firm.settings().name.clone(),
                reader: reader.to_owned(),
                day,
                is_digest: false,
                waits: None,
                parts: vec![Part { matter: Matter::Decision, lines: vec![self.line(&run)] }],
                open_tasks: 0,
                tasks_link: self.console(TASKS_PATH),
                choice_link: self.console(CHOICE_PATH),
            };
            let mail = kept(firm, &staff, format!("{day}-run"), &facts, Vec::new(), now)?;
            made += u32::from(firm.store().add_staff_mail(&mail, now).await?);
        }
        Ok(made)
    }

    fn line(&self, run: &DayRun) -> Line {
        let many = |number: u64, one: &str| {
            format!("{number} {one}{}", if number == 1 { "" } else { "s" })
        };
        let what = format!(
            "would make {} and send {}; it waits for a partner",
            many(run.tally.locks, "lock"),
            many(run.tally.demands, "demand")
        );
        Line {
            client: format!("The run of {}", for_person(run.day)),
            what: vec![what],
            link: self.console(&format!("{RUNS_PATH}{}", run.day)),
            is_yours: true,
        }
    }
}
