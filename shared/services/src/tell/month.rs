//! The month's numbers, told to partners with the digest of the month's first working day (KPI-1).
//!
//! They come to every partner who gets a digest, also where nothing else is new. The mail has its month in its name,
//! so it is made once. Reports that nobody made by then are made first: to make them twice changes nothing.

use chrono::{DateTime, Utc};
use domain::calendar::{Day, for_person, minus};
use domain::money::Money;
use domain::role::Role;
use domain::text::Personal;
use letters::staff_month::{MonthFacts, MonthLine};
use store::{DatedBook, Heard, Mails, StaffMail};

use super::digest::is_first_working;
use super::directory::Directory;
use super::{CHOICE_PATH, TellError};
use crate::correspondence::Correspondence;
use crate::firm::Firm;
use crate::reports::{self, Month, first_of, report};

/// Where reports are.
const REPORTS_PATH: &str = "/console/reports";

impl Correspondence {
    /// Makes the mails about the month before, if the day is the first on which somebody reads them; how many.
    pub(super) async fn tell_of_month(
        &self,
        firm: &Firm,
        day: Day,
        now: DateTime<Utc>,
    ) -> Result<u32, TellError> {
        if !is_first_working(firm, day).await? {
            return Ok(0);
        }
        reports::make(firm, now, &|| false).await?;
        let last = minus(first_of(day), 1);
        let report = report(firm.store(), minus(first_of(last), 1), last).await?;
        let is_counted = report.counted.is_some_and(|counted| first_of(last) <= counted);
        let (Some(month), true) = (report.months.last(), is_counted) else { return Ok(0) };
        let before = report.months.iter().rev().nth(1);
        let book = firm.store().newest_book().await?;
        let directory = Directory::of(firm).await?;
        let partners = directory.all_of(Role::Partner);
        let mut made = 0;
        for staff in directory.readers(firm, &partners, |mails| mails != Mails::Off).await? {
            let reader = directory.person(&staff).map_or("", |person| person.name.as_str());
            let facts = MonthFacts {
                firm: firm.settings().name.clone(),
                reader: reader.to_owned(),
                month: month.first.format("%B %Y").to_string(),
                is_whole: month.is_whole,
                lines: lines(month, before),
                owed_on: book.as_ref().map_or_else(String::new, |book| for_person(book.day)),
                owed: book.as_ref().map(owed).unwrap_or_default(),
                link: self.console(REPORTS_PATH),
                choice_link: self.console(CHOICE_PATH),
            };
            let rendered = letters::staff_month::render(&facts)?;
            let mail = StaffMail {
                id: format!("{day}-month"),
                staff,
                is_digest: false,
                made_at: firm.now(now),
                subject: Personal::new(rendered.subject),
                text: Personal::new(rendered.text),
                html: Personal::new(rendered.html),
                names: Vec::new(),
                to: None,
                attempts: 0,
                doubts: 0,
                attempted_at: None,
                outcome: None,
                heard: Heard::default(),
            };
            made += u32::from(firm.store().add_staff_mail(&mail, now).await?);
        }
        Ok(made)
    }
}

fn lines(month: &Month, before: Option<&Month>) -> Vec<MonthLine> {
    let known = before.map(Month::numbers).unwrap_or_default();
    let line = |number: reports::Measure| {
        let same = known.iter().find(|was| (was.id, &was.line) == (number.id, &number.line));
        MonthLine {
            value: number.value(),
            met: number.is_met.map(|is_met| if is_met { "met" } else { "not met" }),
            before: same.filter(|was| was.tenths.is_some()).map(reports::Measure::value),
            target: number.target.map(|(words, _)| words),
            name: number.name,
            of: number.of,
        }
    };
    month.numbers().into_iter().map(line).collect()
}

/// What is owed, in a sentence for each currency.
fn owed(book: &DatedBook) -> Vec<String> {
    let owed = book.book.owed.iter().map(|(currency, buckets)| {
        let all = book.book.total(*currency);
        let old = buckets.last().map_or(0, |aged| aged.minor);
        match old {
            0 => all.for_person(),
            old => format!(
                "{}, {} of it over 90 days",
                all.for_person(),
                Money::new(old, *currency).for_person()
            ),
        }
    });
    owed.collect()
}
