//! What waits for a decision is told at once, to whoever decides.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use domain::calendar::Day;
use domain::id::{ClientId, StaffId};
use domain::tell::{Matter, news, still_waits};
use domain::text::Personal;
use letters::staff::{Line, Part, StaffFacts};
use store::{Heard, Mails, NewsItem, StaffMail};

use super::directory::Directory;
use super::{CHOICE_PATH, TASKS_PATH, TellError, TellOutcome};
use crate::correspondence::Correspondence;
use crate::firm::Firm;

/// The name of the mail that tells a record's news at once: there is one for each who decides.
pub(super) fn mail_id(day: Day, client: &ClientId, sequence: u64) -> String {
    format!("{day}-{client}-{sequence}")
}

impl Correspondence {
    /// Makes the mails of one record's news, as far as it still waits.
    pub(super) async fn notice(
        &self,
        firm: &Firm,
        client: &ClientId,
        sequence: u64,
        now: DateTime<Utc>,
    ) -> Result<TellOutcome, TellError> {
        let store = firm.store();
        let item = store.news_of(client, sequence).await?;
        let loaded = store.load(client).await?;
        let mut made = 0;
        if let (Some(item), Some(loaded)) = (item, loaded) {
            let account = loaded.account;
            let directory = Directory::of(firm).await?;
            let waits: Vec<_> =
                item.events.iter().filter(|event| still_waits(&account, event)).cloned().collect();
            let mut whats: BTreeMap<StaffId, Vec<String>> = BTreeMap::new();
            for news in news(&waits).into_iter().filter(|news| news.matter == Matter::Decision) {
                let Some(waits_for) = &news.waits_for else { continue };
                let people = &account.people;
                for staff in directory.deciders(people, waits_for, item.actor.staff()) {
                    whats.entry(staff).or_default().push(news.text.clone());
                }
            }
            let deciders: BTreeSet<_> = whats.keys().cloned().collect();
            let readers = directory.readers(firm, &deciders, |mails| mails == Mails::All).await?;
            for staff in readers {
                let reader = directory.person(&staff).map_or("", |person| person.name.as_str());
                let what = whats.remove(&staff).unwrap_or_default();
                let line = Line {
                    client: account.profile.name.as_str().to_owned(),
                    what,
                    link: self.client_page(client),
                    is_yours: true,
                };
                let facts = self.notice_facts(firm, reader, item.day, line);
                let id = mail_id(item.day, client, sequence);
                let mail = kept(firm, &staff, id, &facts, names(&item), now)?;
                made += u32::from(store.add_staff_mail(&mail, now).await?);
            }
        }
        store.end_notice(client, sequence).await?;
        Ok(TellOutcome::Made(made))
    }

    fn notice_facts(&self, firm: &Firm, reader: &str, day: Day, line: Line) -> StaffFacts {
        StaffFacts {
            firm: firm.settings().name.clone(),
            reader: reader.to_owned(),
            day,
            is_digest: false,
            waits: None,
            parts: vec![Part { matter: Matter::Decision, lines: vec![line] }],
            open_tasks: 0,
            tasks_link: self.console(TASKS_PATH),
            choice_link: self.console(CHOICE_PATH),
        }
    }
}

fn names(item: &NewsItem) -> Vec<String> {
    vec![item.of.name()]
}

/// A mail, in words, to be kept.
pub(super) fn kept(
    firm: &Firm,
    staff: &StaffId,
    id: String,
    facts: &StaffFacts,
    names: Vec<String>,
    now: DateTime<Utc>,
) -> Result<StaffMail, TellError> {
    let rendered = letters::staff::render(facts)?;
    Ok(StaffMail {
        id,
        staff: staff.clone(),
        is_digest: facts.is_digest,
        made_at: firm.now(now),
        subject: Personal::new(rendered.subject),
        text: Personal::new(rendered.text),
        html: Personal::new(rendered.html),
        names,
        to: None,
        attempts: 0,
        doubts: 0,
        attempted_at: None,
        outcome: None,
        heard: Heard::default(),
    })
}
