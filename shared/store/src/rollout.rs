//! Armed policies that the clients of their class are still to be evaluated under (POL-1).
//!
//! The entry is written with the policy, in one transaction, and waits in the outbox until somebody has been
//! through all clients of the class: whoever arms a policy may die the moment after. A class is gone through
//! twice, for a process that read the policies a moment before goes on deciding under the old one for a while,
//! and may do so behind the back of the first pass.

use chrono::{DateTime, Utc};
use domain::calendar::Day;
use domain::id::{ClassId, FirmId};
use domain::policy::life::State;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::dynamo::{Condition, Range, Write};
use crate::error::StoreError;
use crate::firm::PolicyDocument;
use crate::item::{Item, attributes, new_item, number, read};
use crate::keys::{Key, Place, prefix};
use crate::outbox::{outbox_attributes, to_outbox};

/// Which pass is due.
const PASS: &str = "pass";

/// The passes that are made.
pub const ROLLOUT_PASSES: u32 = 2;

/// A policy on its way to the clients of its class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// Of which class.
    pub class: ClassId,
    /// Which version.
    pub version: u32,
    /// From when it is in force: before that nobody is evaluated under it.
    pub effective_on: Day,
    /// Which pass is due, counted from 1.
    pub pass: u32,
}

/// What goes with a policy beside its own item: an armed one comes to its clients, and so does a shadow, which
/// they are due under as well from then on (POL-7); one that is taken back comes to nobody. A class's first version
/// needs no entry: until there is a policy in force, no client comes into the class.
pub(crate) fn writes(firm: &FirmId, policy: &PolicyDocument) -> Result<Vec<Write>, StoreError> {
    let place = Key::Rollout(&policy.class, policy.version).place(firm);
    Ok(match policy.state {
        State::Armed | State::Shadow if policy.version <= 1 => Vec::new(),
        State::Armed | State::Shadow => vec![Write::Put(entry(policy, &place)?, Condition::Always)],
        State::Draft => Vec::new(),
        State::Withdrawn => vec![Write::Delete(place, Condition::Always)],
    })
}

fn entry(policy: &PolicyDocument, place: &Place) -> Result<Item, StoreError> {
    let (class, version) = (policy.class.clone(), policy.version);
    let rollout = Rollout { class, version, effective_on: policy.effective_on, pass: 1 };
    let mut item = new_item(place, 0);
    item.extend(attributes(&rollout)?);
    // At once: whoever finds it knows the firm's day, and puts it off until the policy is in force.
    to_outbox(&mut item, place, Some(DateTime::UNIX_EPOCH));
    Ok(item)
}

impl Store {
    /// All policies of the firm that are on their way.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn rollouts(&self) -> Result<Vec<Rollout>, StoreError> {
        let range = Range {
            pk: Key::Settings.pk(&self.firm),
            prefix: Some(prefix::ROLLOUT.to_owned()),
            is_consistent: true,
            ..Range::default()
        };
        let (items, _) = self.dynamo.query(range).await?;
        items.iter().map(read).collect()
    }

    /// One of them; `None`: it came to every client.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn rollout(
        &self,
        class: &ClassId,
        version: u32,
    ) -> Result<Option<Rollout>, StoreError> {
        let item = self.dynamo.get(&Key::Rollout(class, version).place(&self.firm)).await?;
        item.as_ref().map(read).transpose()
    }

    /// Looks at it again from that instant on, and not before. `false`: it came to every client.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn postpone_rollout(
        &self,
        rollout: &Rollout,
        ready_at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let place = Key::Rollout(&rollout.class, rollout.version).place(&self.firm);
        self.postpone(place, ready_at).await
    }

    /// This pass is made. The next one, if there is one, is due at that instant. `false`: somebody else said so.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn end_pass(
        &self,
        rollout: &Rollout,
        next_at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let place = Key::Rollout(&rollout.class, rollout.version).place(&self.firm);
        let is_same = Condition::Equals(PASS, number(u64::from(rollout.pass)));
        if ROLLOUT_PASSES <= rollout.pass {
            return self.dynamo.write(Write::Delete(place, is_same)).await;
        }
        let mut set = outbox_attributes(&place, next_at).to_vec();
        set.push((PASS, number(u64::from(rollout.pass + 1))));
        self.dynamo.write(Write::Update(place, set, Vec::new(), is_same)).await
    }

    /// It came to every client, however many passes were to be made.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn end_rollout(&self, rollout: &Rollout) -> Result<(), StoreError> {
        let place = Key::Rollout(&rollout.class, rollout.version).place(&self.firm);
        self.dynamo.write(Write::Delete(place, Condition::Always)).await.map(|_| ())
    }
}
