//! What staff are told of, and what they were told (STAFF-1).
//!
//! A record with news in it is in the index `firm` by its instant, from the same transaction on: who comes to
//! tell reads nothing else. What is told at once leaves a small notice in the outbox in that transaction. A
//! day's digest is an item of its own: it says up to where it tells, and what of the last hour it told, so
//! that the next one goes on where the index may have been behind, and tells nothing twice.
//!
//! The mails themselves are kept as sent, under their reader: that somebody was told can be shown.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use domain::calendar::{Day, start_of};
use domain::event::Event;
use domain::id::{ClientId, FirmId, StaffId};
use domain::people::People;
use domain::role::Actor;
use domain::tell;
use domain::text::Personal;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::change::instant;
use crate::cursor::{Listed, PageRequest};
use crate::dynamo::{Condition, Range, Write};
use crate::error::StoreError;
use crate::head::read_facts;
use crate::heard::Heard;
use crate::item::{Item, attributes, corrupt, get_text, new_item, number, place_of, read, text};
use crate::keys::{
    EXPIRES_AT, Index, Key, account_of, news_of, news_pk, news_sk, news_until, prefix,
};
use crate::outbox::{Delivery, outbox_attributes, to_outbox};
use crate::record::{Record, assemble, counts_of};

/// How often it was tried.
const ATTEMPTS: &str = "attempts";

/// How often that was in doubt.
const DOUBTS: &str = "doubts";

/// When it was tried last.
const ATTEMPTED_AT: &str = "attempted_at";

/// To which address.
const TO: &str = "to";

/// What became of it.
const OUTCOME: &str = "outcome";

/// What a digest tells.
const TELLS: &str = "tells";

/// How long a digest is kept: the next one goes on from it, however long the firm was away. What it told is
/// kept with the mails.
const DIGEST_KEPT: TimeDelta = TimeDelta::days(90);

/// That everybody's mail of a digest is made.
const MADE: &str = "made";

/// A record that staff are told of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NewsRef {
    /// When it was.
    pub at: DateTime<Utc>,
    /// On which client.
    pub client: ClientId,
    /// Which of its records.
    pub sequence: u64,
}

impl NewsRef {
    /// Its name in the firm.
    pub fn name(&self) -> String {
        format!("{}:{}", self.sequence, self.client)
    }
}

/// News that are told together: everything from one record.
#[derive(Debug, Clone, PartialEq)]
pub struct NewsItem {
    /// Which record.
    pub of: NewsRef,
    /// Which day it was at the firm.
    pub day: Day,
    /// Who did it.
    pub actor: Actor,
    /// What happened; events that this program doesn't know are left out. Personal texts are empty.
    pub events: Vec<Event>,
}

/// A day's digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// Of which day.
    pub day: Day,
    /// What it tells, once that is settled.
    pub tells: Option<Tells>,
    /// Whether everybody's mail is made.
    pub is_made: bool,
}

/// What a digest tells: everything from one instant to another, but for what was told before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tells {
    /// From when.
    pub from: DateTime<Utc>,
    /// Until when.
    pub until: DateTime<Utc>,
    /// Names of what the digest before had told of that time.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub but: BTreeSet<String>,
    /// From when the next one looks.
    pub next_from: DateTime<Utc>,
    /// Names of what is told of the time from there on.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub late: BTreeSet<String>,
}

/// Which mails a person at the firm wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mails {
    /// The day's digest, and at once what waits for a decision.
    #[default]
    All,
    /// Everything in the day's digest.
    Digest,
    /// None.
    Off,
}

impl Mails {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::All, Self::Digest, Self::Off];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Digest => "digest",
            Self::Off => "off",
        }
    }
}

/// A person's choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailChoice {
    /// Whose.
    pub staff: StaffId,
    /// Which mails.
    pub mails: Mails,
}

/// A mail to a person at the firm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffMail {
    /// Its name among the person's: begins with its day.
    pub id: String,
    /// To whom.
    pub staff: StaffId,
    /// Whether it is the day's digest.
    pub is_digest: bool,
    /// When it was made, by the firm's clock.
    pub made_at: DateTime<Utc>,
    /// The subject.
    pub subject: Personal,
    /// The text.
    pub text: Personal,
    /// The HTML.
    pub html: Personal,
    /// What it names: records by their names.
    pub names: Vec<String>,
    /// To which address it went, or was tried last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Personal>,
    /// How often it was tried.
    #[serde(default)]
    pub attempts: u32,
    /// How often of these nobody knew what had become of the try before.
    #[serde(default)]
    pub doubts: u32,
    /// When it was tried last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempted_at: Option<DateTime<Utc>>,
    /// What became of it, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Delivery>,
    /// What was heard of it since.
    #[serde(skip)]
    pub heard: Heard,
}

fn read_staff_mail(item: &Item) -> Result<StaffMail, StoreError> {
    Ok(StaffMail { heard: Heard::of(item)?, ..read(item)? })
}

/// A client, as far as its people are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its name.
    pub name: Personal,
    /// Who looks after it.
    pub people: People,
}

/// Puts a record with news among the firm's news.
pub(crate) fn to_news(
    record: &mut Item,
    (firm, client): (&FirmId, &ClientId),
    (sequence, at): (u64, DateTime<Utc>),
    events: &[Event],
) {
    if tell::is_told(events) {
        let (pk, sk) = Index::Firm.attributes();
        record.insert(pk.to_owned(), text(news_pk(firm)));
        record.insert(sk.to_owned(), text(news_sk(&instant(at), client, sequence)));
    }
}

/// What a commit leaves in the outbox where its news are told at once.
pub(crate) fn notice(
    firm: &FirmId,
    client: &ClientId,
    sequence: u64,
    ready_at: DateTime<Utc>,
) -> Item {
    let place = Key::Notice(client, sequence).place(firm);
    let mut item = new_item(&place, 0);
    to_outbox(&mut item, &place, Some(ready_at));
    item
}

impl Store {
    /// The firm's news from one instant to another, both included, oldest first; eventually consistent.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn news(
        &self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<NewsRef>, StoreError> {
        let range = Range {
            index: Some(Index::Firm),
            pk: news_pk(&self.firm),
            between: Some((instant(from), news_until(&instant(until)))),
            ..Range::default()
        };
        let (items, _) = self.dynamo.query(range).await?;
        let (_, sk) = Index::Firm.attributes();
        let of = |item: &Item| {
            let named = get_text(item, sk).and_then(news_of);
            let (at, client, sequence) = named.ok_or_else(|| corrupt(item, "it is no news"))?;
            let at = DateTime::parse_from_rfc3339(at).map_err(|error| corrupt(item, error))?;
            Ok(NewsRef { at: at.to_utc(), client, sequence })
        };
        items.iter().map(of).collect()
    }

    /// What happened in these records, in their order.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn news_items(&self, of: &[NewsRef]) -> Result<Vec<NewsItem>, StoreError> {
        let places: Vec<_> = of
            .iter()
            .map(|news| Key::Record(&news.client, news.sequence).place(&self.firm))
            .collect();
        let heads = self.dynamo.batch_get(&places).await?;
        let mut heads: BTreeMap<_, _> =
            heads.into_iter().map(|item| (place_of(&item), item)).collect();
        let mut found = Vec::new();
        for (news, place) in of.iter().zip(&places) {
            let Some(head) = heads.remove(place) else { continue };
            let record = self.without_texts(&news.client, news.sequence, head).await?;
            let known = |event: &serde_json::Value| serde_json::from_value(event.clone()).ok();
            let events = record.body.events.iter().filter_map(known).collect();
            let (of, day, actor) = (news.clone(), record.body.day, record.body.actor);
            found.push(NewsItem { of, day, actor, events });
        }
        Ok(found)
    }

    /// One record's news; `None`: there is no such record.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn news_of(
        &self,
        client: &ClientId,
        sequence: u64,
    ) -> Result<Option<NewsItem>, StoreError> {
        let Some(head) = self.dynamo.get(&Key::Record(client, sequence).place(&self.firm)).await?
        else {
            return Ok(None);
        };
        let record = self.without_texts(client, sequence, head).await?;
        let of = NewsRef { at: record.body.at, client: client.clone(), sequence };
        Ok(self.news_items(&[of]).await?.pop())
    }

    async fn without_texts(
        &self,
        client: &ClientId,
        sequence: u64,
        head: Item,
    ) -> Result<Record, StoreError> {
        let (parts, _) = counts_of(&head);
        let rest: Vec<_> = (1..parts)
            .map(|part| Key::RecordPart(client, sequence, part).place(&self.firm))
            .collect();
        let mut items = match rest.is_empty() {
            true => Vec::new(),
            false => self.dynamo.batch_get(&rest).await?,
        };
        items.sort_by_key(place_of);
        items.insert(0, head);
        let record = assemble(items).into_iter().next();
        let record = record.unwrap_or_else(|| Err((sequence, StoreError::Cursor)));
        Ok(record.map_err(|(_, error)| error)?.open(&[])?.0)
    }

    /// These clients, as far as their people are told of them.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn told(
        &self,
        clients: &BTreeSet<ClientId>,
    ) -> Result<BTreeMap<ClientId, Told>, StoreError> {
        let places: Vec<_> =
            clients.iter().map(|client| Key::Head(client).place(&self.firm)).collect();
        let mut told = BTreeMap::new();
        for item in self.dynamo.batch_get(&places).await? {
            let facts = read_facts(&item)?;
            let of = account_of(&place_of(&item).pk);
            let (_, client) = of.ok_or_else(|| corrupt(&item, "its key names no client"))?;
            told.insert(client, Told { name: facts.profile.name, people: facts.people });
        }
        Ok(told)
    }

    /// Whether a record's news is still to be told at once.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn has_notice(&self, client: &ClientId, sequence: u64) -> Result<bool, StoreError> {
        let place = Key::Notice(client, sequence).place(&self.firm);
        Ok(self.dynamo.get(&place).await?.is_some())
    }

    /// Done with a notice: everybody's mail is made.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn end_notice(&self, client: &ClientId, sequence: u64) -> Result<(), StoreError> {
        let place = Key::Notice(client, sequence).place(&self.firm);
        self.dynamo.write(Write::Delete(place, Condition::Always)).await.map(|_| ())
    }

    /// Plans the digest of a day; does nothing where it is planned.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn plan_digest(&self, day: Day, ready_at: DateTime<Utc>) -> Result<(), StoreError> {
        let place = Key::Digest(day).place(&self.firm);
        let mut item = new_item(&place, 0);
        to_outbox(&mut item, &place, Some(ready_at));
        let expires_at = start_of(day, Tz::UTC) + DIGEST_KEPT;
        let expires_at = u64::try_from(expires_at.timestamp()).unwrap_or(0);
        item.insert(EXPIRES_AT.to_owned(), number(expires_at));
        self.dynamo.write(Write::Put(item, Condition::Absent)).await.map(|_| ())
    }

    /// The digest of a day, if it is planned.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn digest(&self, day: Day) -> Result<Option<Digest>, StoreError> {
        let item = self.dynamo.get(&Key::Digest(day).place(&self.firm)).await?;
        item.as_ref().map(digest).transpose()
    }

    /// The newest digest that tells something.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn newest_digest(&self) -> Result<Option<Digest>, StoreError> {
        let pk = Key::Digest(Day::MIN).pk(&self.firm);
        let mut start: Option<Item> = None;
        loop {
            let range = Range {
                pk: pk.clone(),
                prefix: Some(prefix::DIGEST.to_owned()),
                is_consistent: true,
                is_backwards: true,
                limit: Some(2),
                start: start.take(),
                ..Range::default()
            };
            let page = self.dynamo.page(&range).await?;
            for item in &page.items {
                let digest = digest(item)?;
                if digest.tells.is_some() {
                    return Ok(Some(digest));
                }
            }
            match page.last {
                Some(last) => start = Some(last),
                None => return Ok(None),
            }
        }
    }

    /// Settles what a digest tells, once. `false`: that is settled already.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn settle_digest(&self, day: Day, tells: &Tells) -> Result<bool, StoreError> {
        let place = Key::Digest(day).place(&self.firm);
        let value = aws_sdk_dynamodb::types::AttributeValue::M(attributes(tells)?);
        let write =
            Write::Update(place, vec![(TELLS, value)], Vec::new(), Condition::Without(TELLS));
        self.dynamo.write(write).await
    }

    /// Done with a digest: everybody's mail is made.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn end_digest(&self, day: Day) -> Result<(), StoreError> {
        let place = Key::Digest(day).place(&self.firm);
        let (pk, sk) = Index::Outbox.attributes();
        let set = vec![(MADE, number(1))];
        let write = Write::Update(place, set, vec![pk, sk], Condition::Present);
        self.dynamo.write(write).await.map(|_| ())
    }

    /// Keeps a mail that is to be sent. `false`: it is there.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn add_staff_mail(
        &self,
        mail: &StaffMail,
        ready_at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let place = Key::StaffMail(&mail.staff, &mail.id).place(&self.firm);
        let mut item = new_item(&place, 0);
        item.extend(attributes(mail)?);
        to_outbox(&mut item, &place, Some(ready_at));
        self.dynamo.write(Write::Put(item, Condition::Absent)).await
    }

    /// A mail to a person at the firm.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn staff_mail(
        &self,
        staff: &StaffId,
        id: &str,
    ) -> Result<Option<StaffMail>, StoreError> {
        let item = self.dynamo.get(&Key::StaffMail(staff, id).place(&self.firm)).await?;
        item.as_ref().map(read_staff_mail).transpose()
    }

    /// The mails to a person at the firm, newest first.
    ///
    /// # Errors
    /// [`StoreError::Cursor`]; whatever reading has.
    pub async fn staff_mails(
        &self,
        staff: &StaffId,
        page: &PageRequest<'_>,
    ) -> Result<Listed<StaffMail>, StoreError> {
        let pk = Key::StaffMail(staff, "").pk(&self.firm);
        let range = Range {
            pk: pk.clone(),
            prefix: Some(prefix::STAFF_MAIL.to_owned()),
            is_consistent: true,
            is_backwards: true,
            ..Range::default()
        };
        self.dynamo.list(&[range], &pk, page, |item| read_staff_mail(item).map(Some)).await
    }

    /// One more try to send it to that address begins; until `again_at` nobody else looks at it. `false`:
    /// somebody else is at it, or did it.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn attempt_staff_mail(
        &self,
        mail: &StaffMail,
        to: &Personal,
        (now, again_at): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<bool, StoreError> {
        let place = Key::StaffMail(&mail.staff, &mail.id).place(&self.firm);
        let mut set = outbox_attributes(&place, again_at).to_vec();
        set.push((ATTEMPTS, number(u64::from(mail.attempts) + 1)));
        let is_doubt = u64::from(mail.attempted_at.is_some());
        set.push((DOUBTS, number(u64::from(mail.doubts) + is_doubt)));
        set.push((ATTEMPTED_AT, text(instant(now))));
        let to = serde_dynamo::to_attribute_value(to);
        set.push((TO, to.map_err(|error| StoreError::Encode(error.into()))?));
        let is_same = Condition::Equals(ATTEMPTS, number(u64::from(mail.attempts)));
        self.dynamo.write(Write::Update(place, set, Vec::new(), is_same)).await
    }

    /// It surely didn't leave this time: it is tried again at that instant, without a doubt.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn postpone_staff_mail(
        &self,
        mail: &StaffMail,
        again_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let place = Key::StaffMail(&mail.staff, &mail.id).place(&self.firm);
        let set = outbox_attributes(&place, again_at).to_vec();
        let write = Write::Update(place, set, vec![ATTEMPTED_AT], Condition::Without(OUTCOME));
        self.dynamo.write(write).await.map(|_| ())
    }

    /// Writes what became of it, once, and takes it out of the outbox.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn finish_staff_mail(
        &self,
        mail: &StaffMail,
        outcome: &Delivery,
    ) -> Result<bool, StoreError> {
        let place = Key::StaffMail(&mail.staff, &mail.id).place(&self.firm);
        let (pk, sk) = Index::Outbox.attributes();
        let value = aws_sdk_dynamodb::types::AttributeValue::M(attributes(outcome)?);
        let write =
            Write::Update(place, vec![(OUTCOME, value)], vec![pk, sk], Condition::Without(OUTCOME));
        self.dynamo.write(write).await
    }

    /// Which mails a person wants.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn mail_choice(&self, staff: &StaffId) -> Result<Mails, StoreError> {
        let item = self.dynamo.get(&Key::MailChoice(staff).place(&self.firm)).await?;
        let choice: Option<MailChoice> = item.as_ref().map(read).transpose()?;
        Ok(choice.map(|choice| choice.mails).unwrap_or_default())
    }
}

fn digest(item: &Item) -> Result<Digest, StoreError> {
    let sk = place_of(item).sk;
    let day = sk.strip_prefix(prefix::DIGEST).and_then(|day| day.parse().ok());
    let tells = item.get(TELLS).cloned().map(serde_dynamo::from_attribute_value).transpose();
    Ok(Digest {
        day: day.ok_or_else(|| corrupt(item, "its key names no day"))?,
        tells: tells.map_err(|error| corrupt(item, error))?,
        is_made: item.contains_key(MADE),
    })
}
