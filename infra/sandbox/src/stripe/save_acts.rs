//! What is done on a page to save a method on.

use super::acts::{ActError, Done};
use super::book::Book;
use super::objects::{Session, SetupIntent};
use super::payments::find;

impl Book {
    /// The payer enters a test method there. One that is declined leaves the page open.
    pub(super) fn save_on(&mut self, page: &str, name: &str, now: i64) -> Result<Done, ActError> {
        let session = self.open_session(page)?;
        if session.mode != "setup" {
            return Err(ActError::not_now("the session takes payments"));
        }
        let takes = |by: &str| session.payment_method_types.iter().any(|method| method == by);
        let by = super::methods::test_method(name).map(|source| source.by.name());
        if by.is_some_and(|by| !takes(by)) {
            return Err(ActError::not_now(format!("the session does not take {name}")));
        }
        let no_customer = || ActError::not_now("the session has no customer");
        let customer = session.customer.clone().ok_or_else(no_customer)?;
        let (method, attached) = self.save(name, &customer, now)?;
        let setup = self.sessions.get(page).and_then(|session| session.setup_intent.clone());
        let mut events = vec![];
        if let Some(id) = setup {
            let setup = find(&mut self.setups, "setup_intent", &id)?;
            setup.status = "succeeded".to_owned();
            setup.payment_method = Some(method.clone());
            events.push(self.record("setup_intent.succeeded", &id, now));
        }
        events.push(attached);
        events.extend(self.complete(page, "no_payment_required", now).events);
        Ok(Done { object: method, events })
    }

    /// What a page to save on sets up, made with the page.
    pub(super) fn new_setup(
        &mut self,
        session: &Session,
        metadata: super::objects::Metadata,
    ) -> String {
        let account = self.account(&session.id).map(str::to_owned);
        let id = self.new_id("seti", account.as_deref());
        let setup = SetupIntent {
            id: id.clone(),
            object: "setup_intent".to_owned(),
            cancellation_reason: None,
            created: session.created,
            customer: session.customer.clone(),
            livemode: session.livemode,
            metadata,
            payment_method: None,
            payment_method_types: session.payment_method_types.clone(),
            status: "requires_payment_method".to_owned(),
            usage: "off_session".to_owned(),
        };
        self.setups.insert(id.clone(), setup);
        id
    }
}
