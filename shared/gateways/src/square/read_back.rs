//! From a hint to the payment behind it, with all that happened to it.
//!
//! A payment names its order and its refunds; its disputes it does not, nor can they be asked for by payment, so
//! the location's are gone through for a payment that completed. A firm has few. Lists follow what happens by some
//! seconds: a refund or dispute that the hint named is read by itself, and counts beside what is listed.

use super::Square;
use super::api::{part, there};
use super::facts::{self, Parts};
use super::objects::{Dispute, Order, Payment, Refund, Tender};
use crate::{GatewayError, Hint, NoPayment, ObjectId, ReadBack};

/// A location with more disputes than on so many pages is not a firm that collects by letters.
const MAX_PAGES: usize = 20;

/// Between a link's id and its order's in the id of a page: no id of Square's holds it.
pub(super) const PAGE_SEPARATOR: &str = "--";

/// What the hint itself led to.
#[derive(Default)]
struct Known {
    refund: Option<Refund>,
    dispute: Option<Dispute>,
}

impl Square {
    pub(super) async fn read(&self, hint: &Hint) -> Result<ReadBack, GatewayError> {
        let (payment, known) = match hint {
            Hint::Checkout(id) => return self.read_page(id).await,
            Hint::Payment(id) | Hint::Charge(id) => (Some(id.to_string()), Known::default()),
            Hint::Refund(id) => {
                let refund = self.refund_by_id(id.as_str()).await?;
                (refund.payment_id.clone(), Known { refund: Some(refund), ..Known::default() })
            }
            Hint::Dispute(id) => {
                let path = format!("disputes/{id}");
                let dispute = there(self.get(&path, &[]).await?.dispute, "dispute", &path)?;
                let payment = dispute.payment().map(str::to_owned);
                (payment, Known { dispute: Some(dispute), ..Known::default() })
            }
        };
        match payment {
            Some(id) => self.read_payment(&id, known).await,
            // A refund that was not of a payment.
            None => Ok(ReadBack::NoPayment(NoPayment::OtherPurpose)),
        }
    }

    async fn read_page(&self, id: &ObjectId) -> Result<ReadBack, GatewayError> {
        let order = self.order(&self.order_of_page(id).await?).await?;
        if let Some(payment) = paid_by(&order) {
            return self.read_payment(&payment, Known::default()).await;
        }
        let is_free = order.total_money.as_ref().is_some_and(|total| total.amount == 0);
        Ok(ReadBack::NoPayment(match order.state.as_deref() {
            Some("CANCELED") => NoPayment::Expired,
            _ if is_free => NoPayment::NothingToPay,
            _ => NoPayment::NotYet,
        }))
    }

    /// A page's id holds its order's, since a link that was deleted tells nothing any more.
    pub(super) async fn order_of_page(&self, id: &ObjectId) -> Result<String, GatewayError> {
        let (link, order) = page_parts(id);
        if let Some(order) = order {
            return Ok(order.to_owned());
        }
        let path = format!("online-checkout/payment-links/{link}");
        let link = there(self.get(&path, &[]).await?.payment_link, "payment link", &path)?;
        there(link.order_id, "order_id", &path)
    }

    pub(super) async fn order(&self, id: &str) -> Result<Order, GatewayError> {
        let path = format!("orders/{}", part("order", id)?);
        there(self.get(&path, &[]).await?.order, "order", &path)
    }

    pub(super) async fn payment(&self, id: &str) -> Result<Payment, GatewayError> {
        let path = format!("payments/{}", part("payment", id)?);
        there(self.get(&path, &[]).await?.payment, "payment", &path)
    }

    pub(super) async fn refund_by_id(&self, id: &str) -> Result<Refund, GatewayError> {
        let path = format!("refunds/{}", part("refund", id)?);
        there(self.get(&path, &[]).await?.refund, "refund", &path)
    }

    async fn read_payment(&self, id: &str, known: Known) -> Result<ReadBack, GatewayError> {
        let payment = self.payment(id).await?;
        let order = match &payment.order_id {
            Some(order) => Some(self.order(order).await?),
            None => None,
        };
        let refunds = self.refunds_of(&payment, known.refund).await?;
        let disputes = if payment.status == "COMPLETED" || known.dispute.is_some() {
            self.disputes_of(&payment.id, known.dispute).await?
        } else {
            vec![]
        };
        let facts = facts::payment(&Parts {
            payment: &payment,
            order: order.as_ref(),
            refunds: &refunds,
            disputes: &disputes,
            mode: self.mode,
        })?;
        Ok(ReadBack::Payment(Box::new(facts)))
    }

    pub(super) async fn refunds_of(
        &self,
        payment: &Payment,
        known: Option<Refund>,
    ) -> Result<Vec<Refund>, GatewayError> {
        let mut refunds: Vec<_> = known.into_iter().collect();
        for id in &payment.refund_ids {
            if refunds.iter().all(|refund| refund.id != *id) {
                refunds.push(self.refund_by_id(id).await?);
            }
        }
        Ok(refunds)
    }

    async fn disputes_of(
        &self,
        payment: &str,
        known: Option<Dispute>,
    ) -> Result<Vec<Dispute>, GatewayError> {
        let mut disputes: Vec<Dispute> = known.into_iter().collect();
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let mut query = vec![("location_id", self.location.as_str())];
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page = self.get("disputes", &query).await?;
            for dispute in page.disputes.into_iter().filter(|d| d.payment() == Some(payment)) {
                match disputes.iter_mut().find(|known| known.id() == dispute.id()) {
                    Some(known) if known.version < dispute.version => *known = dispute,
                    Some(_) => {}
                    None => disputes.push(dispute),
                }
            }
            cursor = page.cursor.filter(|cursor| !cursor.is_empty());
            if cursor.is_none() {
                return Ok(disputes);
            }
        }
        Err(GatewayError::malformed(format!("disputes: more than {MAX_PAGES} pages")))
    }
}

/// The link, and the order if the id holds it.
pub(super) fn page_parts(id: &ObjectId) -> (&str, Option<&str>) {
    match id.as_str().split_once(PAGE_SEPARATOR) {
        Some((link, order)) => (link, Some(order)),
        None => (id.as_str(), None),
    }
}

/// The payment on an order: an order of a link is paid once, and whole.
pub(super) fn paid_by(order: &Order) -> Option<String> {
    let name = |tender: &Tender| tender.payment_id.clone().or_else(|| tender.id.clone());
    order.tenders.last().and_then(name)
}
