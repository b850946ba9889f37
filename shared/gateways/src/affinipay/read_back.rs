//! From a hint to the payment behind it: a charge comes with all its refunds.

use super::AffiniPay;
use super::facts;
use super::objects::{CHARGE, REFUND, Transaction};
use crate::{Ability, GatewayError, Hint, NoPayment, ObjectId, ReadBack, Reference};

impl AffiniPay {
    pub(super) async fn read(&self, hint: &Hint) -> Result<ReadBack, GatewayError> {
        match hint {
            Hint::Payment(id) | Hint::Charge(id) | Hint::Refund(id) => {
                match self.charge_of(id).await? {
                    Some(charge) => self.complete(&charge).await,
                    None => Ok(ReadBack::NoPayment(NoPayment::OtherPurpose)),
                }
            }
            Hint::Checkout(ours) => self.read_page(ours).await,
            Hint::Dispute(_) => Err(GatewayError::CannotDo(Ability::Disputes)),
        }
    }

    /// The charge that a transaction is or belongs to; none for money that the firm sends somebody.
    pub(super) async fn charge_of(
        &self,
        id: &ObjectId,
    ) -> Result<Option<Transaction>, GatewayError> {
        let transaction = self.transaction(id).await?;
        match (transaction.kind.as_str(), &transaction.charge_id) {
            (CHARGE, _) => Ok(Some(transaction)),
            (REFUND, Some(charge)) => {
                let charge = facts::id("charge", charge)?;
                self.transaction(&charge).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    /// One in an account that the firm did not link is not there for us.
    async fn transaction(&self, id: &ObjectId) -> Result<Transaction, GatewayError> {
        let path = format!("transactions/{id}");
        let transaction: Transaction = self.ask("transaction", &path, &[]).await?;
        if !self.is_linked(transaction.account_id.as_deref()) {
            let object = format!("{path} in an account that the firm linked");
            return Err(GatewayError::NotFound { object });
        }
        Ok(transaction)
    }

    /// A page is known to the gateway by our own reference alone, and can be paid on again: the payment that got
    /// furthest is what came of it, the first of several. Any other has its own news.
    async fn read_page(&self, ours: &ObjectId) -> Result<ReadBack, GatewayError> {
        let query = [("qf", format!("reference:pc-{ours}"))];
        let found: Vec<Transaction> = self.ask_all("transaction", "transactions", &query).await?;
        let is_of_page = |transaction: &Transaction| {
            let text = transaction.reference.as_deref().unwrap_or_default();
            transaction.kind == CHARGE
                && self.is_linked(transaction.account_id.as_deref())
                && Reference::from_text(text).ours.as_deref() == Some(ours.as_str())
        };
        match furthest(found.into_iter().filter(is_of_page)) {
            Some(charge) => {
                let id = facts::id("charge", &charge.id)?;
                // What a search finds may be older than what is.
                self.complete(&self.transaction(&id).await?).await
            }
            None => Ok(ReadBack::NoPayment(NoPayment::NotYet)),
        }
    }

    async fn complete(&self, charge: &Transaction) -> Result<ReadBack, GatewayError> {
        let refunds = self.refunds_of(charge).await?;
        let facts = facts::payment(charge, &refunds, self.mode)?;
        Ok(ReadBack::Payment(Box::new(facts)))
    }

    /// They come with the charge; where they don't, they are looked for.
    pub(super) async fn refunds_of(
        &self,
        charge: &Transaction,
    ) -> Result<Vec<Transaction>, GatewayError> {
        if let Some(refunds) = &charge.refunds {
            return Ok(refunds.clone());
        }
        if charge.status == "FAILED" || charge.status == "VOIDED" {
            return Ok(vec![]);
        }
        let query = [("qf", format!("charge_id:{}", charge.id))];
        let mut found: Vec<Transaction> =
            self.ask_all("transaction", "transactions", &query).await?;
        found.retain(|refund| {
            refund.kind == REFUND && refund.charge_id.as_deref() == Some(charge.id.as_str())
        });
        Ok(found)
    }
}

/// The charge that got furthest, and of several the first.
pub(super) fn furthest(charges: impl Iterator<Item = Transaction>) -> Option<Transaction> {
    let rank = |charge: &Transaction| match charge.status.as_str() {
        "COMPLETED" => 0,
        "AUTHORIZED" => 1,
        "PENDING" => 2,
        "VOIDED" => 3,
        _ => 4,
    };
    charges.min_by(|a, b| (rank(a), &a.created).cmp(&(rank(b), &b.created)))
}
