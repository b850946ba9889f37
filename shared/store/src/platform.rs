//! What is asked before the firm is known, or of all firms: whose a webhook endpoint is, which firms a
//! person works for, whose day has begun, what waits in the outbox. Nothing of a client is read here.

use chrono::{DateTime, Utc};
use domain::calendar::Day;
use domain::id::{ClassId, ClientId, FirmId, GatewayId, InvoiceId, StaffId};
use domain::letter::LetterId;

use crate::change::instant;
use crate::contact::AddressHash;
use crate::dynamo::{Condition, Dynamo, Range, Write};
use crate::error::StoreError;
use crate::firm::Endpoint;
use crate::item::{Item, corrupt, get_number, get_text, place_of, read, text};
use crate::keys::{
    Index, PLATFORM_SHARDS, Place, PlatformKey, account_of, charge_of, contact_mail_of, dawn_pk,
    day_run_of, digest_of, erasure_of, firm_of, is_reports, letter_of, notice_of, outbox_pk,
    outbox_sk, outbox_until, person, preview_of, rollout_of, staff_mail_of, webhook_of,
};
use crate::outbox::outbox_attributes;

/// The table, as the whole deployment sees it.
#[derive(Debug, Clone)]
pub struct Platform {
    dynamo: Dynamo,
}

/// Something that waits to be handed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// A letter that was queued and is ready to be claimed.
    Letter {
        /// Whose.
        firm: FirmId,
        /// To which client.
        client: ClientId,
        /// Which.
        letter: LetterId,
    },
    /// A letter that was claimed, and of which nothing was heard since.
    Claimed {
        /// Whose.
        firm: FirmId,
        /// To which client.
        client: ClientId,
        /// Which.
        letter: LetterId,
    },
    /// A charge of a saved method that hasn't ended.
    Charge {
        /// Whose.
        firm: FirmId,
        /// Of which client.
        client: ClientId,
        /// For which invoice.
        invoice: InvoiceId,
    },
    /// A letter to a contact, or to an address that may be nobody's.
    Mail {
        /// Whose.
        firm: FirmId,
        /// To which address.
        address: AddressHash,
        /// Which.
        mail: String,
    },
    /// A policy that is still to come to the clients of its class.
    Rollout {
        /// Whose.
        firm: FirmId,
        /// Of which class.
        class: ClassId,
        /// Which version.
        version: u32,
    },
    /// A run that has work to be done.
    Run {
        /// Whose.
        firm: FirmId,
        /// Of which day.
        day: Day,
    },
    /// A firm's reports, which are brought up to date.
    Reports {
        /// Whose.
        firm: FirmId,
    },
    /// A preview that has work to be done.
    Preview {
        /// Whose.
        firm: FirmId,
        /// Which.
        preview: String,
    },
    /// A client whose personal data are still to be deleted.
    Erasure {
        /// Whose.
        firm: FirmId,
        /// Which.
        client: ClientId,
    },
    /// News that staff are told at once.
    Notice {
        /// Whose.
        firm: FirmId,
        /// Of which client.
        client: ClientId,
        /// Which of its records.
        sequence: u64,
    },
    /// What staff are told on a day.
    Digest {
        /// Whose.
        firm: FirmId,
        /// Of which day.
        day: Day,
    },
    /// A mail to a person at the firm.
    StaffMail {
        /// Whose.
        firm: FirmId,
        /// To whom.
        staff: StaffId,
        /// Which.
        mail: String,
    },
    /// A webhook that isn't finished.
    Webhook {
        /// For whom.
        firm: FirmId,
        /// From which gateway.
        gateway: GatewayId,
        /// The gateway's id of the event.
        event: String,
        /// How often it was tried.
        attempts: u32,
    },
}

/// Something that is ready to be handed on. Who wants to be the one who does takes a lease of it first.
#[derive(Debug)]
pub struct Ready {
    /// What; an error where the item can't be read, which holds up no other.
    pub what: Result<Waiting, StoreError>,
    place: Place,
    since: String,
}

impl Ready {
    /// Since when it is ready: since it was put in or, if it was leased before, since the last lease ended.
    pub fn since(&self) -> Option<DateTime<Utc>> {
        self.since.split('#').next()?.parse().ok()
    }
}

impl Ready {
    /// Whether it is ready by `now`.
    pub fn is_by(&self, now: DateTime<Utc>) -> bool {
        self.since < outbox_until(&instant(now))
    }
}

/// As the item says.
pub(crate) fn ready(item: &Item) -> Ready {
    let (_, sk) = Index::Outbox.attributes();
    let since = get_text(item, sk).unwrap_or_default().to_owned();
    Ready { what: waiting(item), place: place_of(item), since }
}

impl Platform {
    /// Over the whole table.
    pub fn new(dynamo: Dynamo) -> Self {
        Self { dynamo }
    }

    /// The table's calls.
    pub fn dynamo(&self) -> &Dynamo {
        &self.dynamo
    }

    /// Whose endpoint that is.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn endpoint(&self, id: &str) -> Result<Option<(FirmId, Endpoint)>, StoreError> {
        let Some(item) = self.dynamo.get(&PlatformKey::Endpoint(id).place()).await? else {
            return Ok(None);
        };
        let firm = get_text(&item, crate::head::FIRM).unwrap_or_default().parse();
        Ok(Some((firm.map_err(|error| corrupt(&item, error))?, read(&item)?)))
    }

    /// The firms that a person has a grant in.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn firms_of(&self, subject: &str) -> Result<Vec<FirmId>, StoreError> {
        let range = Range { pk: person(subject), is_consistent: true, ..Range::default() };
        let (items, _) = self.dynamo.query(range).await?;
        let firm = |item: &Item| {
            firm_of(&place_of(item).sk).ok_or_else(|| corrupt(item, "its key names no firm"))
        };
        items.iter().map(firm).collect()
    }

    /// Firms whose next day has begun by `now`.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn dawned(&self, now: DateTime<Utc>) -> Result<Vec<FirmId>, StoreError> {
        let items = self.until(Index::Dawn, dawn_pk, &instant(now), None).await?;
        let firm = |item: &Item| {
            firm_of(&place_of(item).pk).ok_or_else(|| corrupt(item, "its key names no firm"))
        };
        items.iter().map(firm).collect()
    }

    /// What is ready to be handed on by `now`, the longest waiting first; at most so many of each shard.
    ///
    /// # Errors
    /// Whatever reading has, an item that can't be read among it; see [`Self::ready`].
    pub async fn waiting(
        &self,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<Waiting>, StoreError> {
        self.ready(now, limit).await?.into_iter().map(|ready| ready.what).collect()
    }

    /// What is ready to be handed on by `now`, the longest waiting first, each to be leased; at most so
    /// many of each shard.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn ready(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Ready>, StoreError> {
        let until = outbox_until(&instant(now));
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let items = self.until(Index::Outbox, outbox_pk, &until, Some(limit)).await?;
        let mut ready: Vec<_> = items.iter().map(ready).collect();
        ready.sort_by(|a, b| a.since.cmp(&b.since));
        Ok(ready)
    }

    /// Keeps others from handing it on until then. `false`: somebody else has, or it is done.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn lease(&self, ready: &Ready, until: DateTime<Utc>) -> Result<bool, StoreError> {
        let (_, sk) = Index::Outbox.attributes();
        let is_same = Condition::Equals(sk, text(&*ready.since));
        let set = outbox_attributes(&ready.place, until).to_vec();
        self.dynamo.write(Write::Update(ready.place.clone(), set, Vec::new(), is_same)).await
    }

    /// Gives back what was leased until `leased` and not handed on: it is ready at once. `false`: it is done,
    /// or somebody else's by now.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn give_back(
        &self,
        ready: &Ready,
        leased: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let (_, sk) = Index::Outbox.attributes();
        let is_ours = Condition::Equals(sk, text(outbox_sk(&instant(leased), &ready.place)));
        let set = outbox_attributes(&ready.place, now).to_vec();
        self.dynamo.write(Write::Update(ready.place.clone(), set, Vec::new(), is_ours)).await
    }

    pub(crate) async fn until(
        &self,
        index: Index,
        pk: impl Fn(u32) -> String,
        last: &str,
        limit: Option<i32>,
    ) -> Result<Vec<Item>, StoreError> {
        let mut all = Vec::new();
        for shard in 0..PLATFORM_SHARDS {
            let range = Range {
                index: Some(index),
                pk: pk(shard),
                at_most: Some(last.to_owned()),
                limit,
                ..Range::default()
            };
            let items = match limit {
                Some(_) => self.dynamo.page(&range).await?.items,
                None => self.dynamo.query(range).await?.0,
            };
            all.extend(items);
        }
        Ok(all)
    }
}

/// From the keys, which is all that the index has.
fn waiting(item: &Item) -> Result<Waiting, StoreError> {
    let place = place_of(item);
    if let Some((firm, gateway, event)) = webhook_of(&place.pk) {
        let attempts = get_number(item, "attempts").and_then(|count| u32::try_from(count).ok());
        let attempts = attempts.unwrap_or(0);
        return Ok(Waiting::Webhook { firm, gateway, event: event.to_owned(), attempts });
    }
    if let (Some(firm), Some((class, version))) = (firm_of(&place.pk), rollout_of(&place.sk)) {
        return Ok(Waiting::Rollout { firm, class, version });
    }
    if let (Some(firm), Some(day)) = (firm_of(&place.pk), day_run_of(&place.sk)) {
        return Ok(Waiting::Run { firm, day });
    }
    if let Some(firm) = firm_of(&place.pk).filter(|_| is_reports(&place.sk)) {
        return Ok(Waiting::Reports { firm });
    }
    if let (Some(firm), Some(preview)) = (firm_of(&place.pk), preview_of(&place.sk)) {
        return Ok(Waiting::Preview { firm, preview: preview.to_owned() });
    }
    let unknown = || corrupt(item, "its key names nothing that waits");
    if let Some((firm, address, mail)) = contact_mail_of(&place) {
        let address = AddressHash::try_from(address.to_owned()).map_err(|_| unknown())?;
        return Ok(Waiting::Mail { firm, address, mail: mail.to_owned() });
    }
    if let Some((firm, staff, mail)) = staff_mail_of(&place) {
        return Ok(Waiting::StaffMail { firm, staff, mail: mail.to_owned() });
    }
    if let Some((firm, day)) = digest_of(&place) {
        return Ok(Waiting::Digest { firm, day });
    }
    if let Some((firm, client)) = erasure_of(&place) {
        return Ok(Waiting::Erasure { firm, client });
    }
    if let Some((firm, client, sequence)) = notice_of(&place) {
        return Ok(Waiting::Notice { firm, client, sequence });
    }
    let (firm, client) = account_of(&place.pk).ok_or_else(unknown)?;
    if let Some(invoice) = charge_of(&place.sk) {
        return Ok(Waiting::Charge { firm, client, invoice });
    }
    let (letter, is_queued) = letter_of(&place.sk).ok_or_else(unknown)?;
    Ok(match is_queued {
        true => Waiting::Letter { firm, client, letter },
        false => Waiting::Claimed { firm, client, letter },
    })
}
