//! The single table: keys, items, transactions, indexes. Nothing else knows a key.
//!
//! A [`Store`] is made for one firm, so that no query can forget it (SEC-1); what has to be found before
//! the firm is known, or in all firms, is asked of the small [`Platform`]. An account is read with one
//! query ([`Store::load`]), what else a command needs with one batch ([`Store::look_up`]), and what was
//! decided is written in one conditional transaction ([`Store::commit`]): the items that changed, found by
//! comparing, and one commit record with all events, chained by hash.

mod answer;
mod capacity;
mod change;
mod checkout;
mod commit;
mod contact;
mod cursor;
mod dynamo;
mod erase;
mod error;
mod firm;
mod head;
mod heard;
mod inbox;
mod item;
mod keys;
mod kpi;
mod links;
mod list;
mod load;
mod logo;
mod mail_domain;
mod numbers;
mod outbox;
mod pay_link;
mod platform;
mod preview;
mod reconcile;
mod record;
mod replay;
mod request;
mod rollout;
mod run;
mod sent;
mod stream;
mod table;
mod template;
mod told;
mod trail;
mod turns;
mod unclaimed;
mod verify;

use domain::id::{ClientId, FirmId};

pub use answer::AnswersTo;
pub use capacity::{Capacity, Consumed};
pub use change::{Derived, ReadyAt, Taken};
pub use checkout::{Checkout, CheckoutPage, CheckoutTold};
pub use commit::{Commit, Committed};
pub use contact::{
    AddressHash, AddressHashError, Attempt, Contact, ContactChange, ContactCommit, ContactExtras,
    ContactFacts, ContactLink, ContactLinkKind, ContactMail, ContactRow, ContactState,
    LoadedContact, MAX_CLIENTS, Rate, Session, SessionEnd, SignInWay, StoredPassword, Tried,
};
pub use cursor::{Listed, MAX_PAGE, PageRequest};
pub use dynamo::{Dynamo, Fault, Faults, MAX_TRANSACTION, Operation};
pub use error::{Cause, StoreError};
pub use firm::{
    DEFAULT_SHARDS, Endpoint, FirmChange, FirmCommit, FirmSettings, Grant, LoadedFirm, Logo,
    PolicyDocument, Reviewed, SealedSecret, Stop,
};
pub use head::{ClientState, MAX_HEAD_BYTES};
pub use heard::{Heard, HeardKind, HeardNews};
pub use inbox::{Came, EndpointNews, Received, Webhook};
pub use item::SCHEMA_VERSION;
pub use keys::{Index, Key, PLATFORM_SHARDS, Place, PlatformKey, shard};
pub use kpi::{BookUnderWay, DatedBook, ReportsState};
pub use list::{ClientRow, ConcernRow, Due, LetterRow, Message, Note, Order, TaskRow};
pub use load::Loaded;
pub use logo::MAX_LOGO_BYTES;
pub use mail_domain::{DnsRecord, MailDomain, MailsReturned, SendingDomain};
pub use numbers::{CommitWith, Draw, Once};
pub use outbox::{ChargeTries, Delivery, DeliveryState};
pub use pay_link::PayLink;
pub use platform::{Platform, Ready, Waiting};
pub use preview::{
    MAX_PREVIEW_ID, PREVIEW_PREFIX, Preview, PreviewAct, PreviewClient, PreviewDay, PreviewHeld,
    PreviewListed, PreviewPage, PreviewResult, PreviewSide, PreviewStage, PreviewSums,
    PreviewTimes, is_preview,
};
pub use reconcile::{
    Found, ReconcileCounts, ReconcileEntry, ReconcileStage, Reconciliation, Reconciling,
};
pub use record::{Body, CommitMeta, Record};
pub use replay::{Lost, ReplayError, Replayed};
pub use request::{Answer, Begun};
pub use rollout::{ROLLOUT_PASSES, Rollout};
pub use run::{
    DayRun, Done, MAX_RUN_PAGE, RunClient, RunDecision, RunPage, RunShard, ShadowCount, Shadowed,
    Stage, Verdict as RunVerdict,
};
pub use sent::{Kept, MAX_WORDS_BYTES, PaperHead, SentLetter, Words};
pub use stream::{Chain, ChainRecord, Image, Streamed, newly_ready, streamed};
pub use template::{KnownTemplate, LetterTemplate, TemplateId, TemplateUse, TemplateWords};
pub use told::{Digest, MailChoice, Mails, NewsItem, NewsRef, StaffMail, Tells, Told};
pub use turns::Turn;
pub use unclaimed::{Assignment, Unclaimed};
pub use verify::{Breach, Verdict};

/// The table, as one firm sees it.
#[derive(Debug, Clone)]
pub struct Store {
    dynamo: Dynamo,
    firm: FirmId,
}

impl Store {
    /// For that firm, taken from the caller's verified identity.
    pub fn new(dynamo: Dynamo, firm: FirmId) -> Self {
        Self { dynamo, firm }
    }

    /// Whose.
    pub fn firm(&self) -> &FirmId {
        &self.firm
    }

    /// Waits until nobody else in this process is at that client; see [`Turn`].
    pub async fn turn(&self, client: &ClientId) -> Turn {
        self.dynamo.turns.take(Key::Head(client).pk(&self.firm)).await
    }

    /// The table's calls.
    pub fn dynamo(&self) -> &Dynamo {
        &self.dynamo
    }
}
