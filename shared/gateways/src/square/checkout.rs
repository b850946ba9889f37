//! Pages to pay on: payment links, made and deleted.
//!
//! A link is made with an order, which carries what is ours. Tips are left off: they are no part of what is owed.
//! A link never ends by itself, and its key holds for as long as Square says nobody knows how long: whoever opens
//! another page for the same invoices ends this one. What comes back is compared with what was asked for before a
//! payer is sent there.

use domain::money::Money;
use reqwest::{StatusCode, Url};
use serde_json::{Value, json};

use super::api::{KEY_REUSED, order_lines, part, short_key, there};
use super::currency::from_square;
use super::objects::PaymentLink;
use super::read_back::{PAGE_SEPARATOR, page_parts, paid_by};
use super::{NEVER_UNIX, Square};
use crate::{
    CHECKOUT_ID, CheckoutError, CheckoutLine, EndedCheckout, GatewayError, IdempotencyKey, Method,
    NewCheckout, ObjectId, OpenCheckout, Reference, Room,
};

/// An order's `metadata`: ten entries of 255 characters, three of which name firm, client and page.
pub(super) const ROOM: Room = Room { value_chars: 255, invoices_keys: 7 };

impl Square {
    pub(super) async fn create(
        &self,
        new: &NewCheckout,
        key: &IdempotencyKey,
    ) -> Result<OpenCheckout, CheckoutError> {
        let (body, amount) = self.link_body(new, key)?;
        let path = "online-checkout/payment-links";
        let answered = self.post(path, &body).await?.map_err(|refusal| {
            let code = refusal.problem().code;
            match code.as_str() {
                KEY_REUSED => CheckoutError::KeyReused,
                "AMOUNT_TOO_LOW" | "VALUE_TOO_LOW" => CheckoutError::TooSmall(amount),
                "CURRENCY_MISMATCH" | "UNSUPPORTED_CURRENCY" => {
                    CheckoutError::NoMethod { currency: amount.currency() }
                }
                _ => refusal.error().into(),
            }
        })?;
        let link = there(answered.payment_link, "payment link", path)?;
        Ok(self.open(link, amount).await?)
    }

    /// A link that somebody paid on stays as it is. One that is gone has ended, whoever ended it.
    pub(super) async fn expire(&self, id: &ObjectId) -> Result<EndedCheckout, CheckoutError> {
        let order = self.order_of_page(id).await?;
        let is_paid = async || Ok::<_, GatewayError>(paid_by(&self.order(&order).await?).is_some());
        if is_paid().await? {
            return Ok(EndedCheckout::Completed);
        }
        let (link, _) = page_parts(id);
        let path = format!("online-checkout/payment-links/{}", part("payment link", link)?);
        let is_canceled = match self.delete(&path).await? {
            Ok(answered) => answered.cancelled_order_id.is_some(),
            Err(refusal) if refusal.status == StatusCode::NOT_FOUND => false,
            Err(refusal) => return Err(refusal.error().into()),
        };
        // The payer may have been faster than the deleting.
        if !is_canceled && is_paid().await? {
            return Ok(EndedCheckout::Completed);
        }
        Ok(EndedCheckout::Expired)
    }

    fn link_body(
        &self,
        new: &NewCheckout,
        key: &IdempotencyKey,
    ) -> Result<(Value, Money), CheckoutError> {
        let (order, amount) =
            self.order_body(&new.ours, &new.firm, &new.client, &new.lines, new.save_for.as_ref())?;
        // A card can always be paid with there, a bank debit never for sure.
        if !new.methods.contains(&Method::Card) {
            return Err(CheckoutError::NoMethod { currency: amount.currency() });
        }
        let mut body = json!({
            "idempotency_key": short_key("link", key),
            "order": order,
            "checkout_options": {
                "allow_tipping": false,
                // The id of the page is not known before it is made, and Square puts none in.
                "redirect_url": new.success_url.replace(CHECKOUT_ID, &new.ours),
            },
        });
        if let Some(email) = &new.email {
            body["pre_populated_data"] = json!({"buyer_email": email});
        }
        Ok((body, amount))
    }

    /// An order with what is ours on it, and its sum.
    pub(super) fn order_body(
        &self,
        ours: &str,
        firm: &domain::id::FirmId,
        client: &domain::id::ClientId,
        lines: &[CheckoutLine],
        customer: Option<&ObjectId>,
    ) -> Result<(Value, Money), CheckoutError> {
        let (line_items, amount) = order_lines(lines)?;
        let invoices = lines.iter().map(|line| &line.invoice);
        let mut order = json!({
            "location_id": self.location,
            "reference_id": Reference::name(ours)?,
            "metadata": Reference::metadata_within(ROOM, ours, firm, client, invoices)?,
            "line_items": line_items,
        });
        if let Some(customer) = customer {
            order["customer_id"] = json!(customer.as_str());
        }
        Ok((order, amount))
    }

    /// What was made, if it is what was asked for: a payer is sent nowhere else.
    async fn open(&self, link: PaymentLink, asked: Money) -> Result<OpenCheckout, GatewayError> {
        let malformed =
            |what: String| GatewayError::malformed(format!("payment link {}: {what}", link.id));
        let order_id =
            link.order_id.as_deref().ok_or_else(|| malformed("has no order".to_owned()))?;
        let order = self.order(order_id).await?;
        if order.location_id != self.location {
            return Err(malformed(format!("is of location {}", order.location_id)));
        }
        let total = order.total_money.ok_or_else(|| malformed("asks for no amount".to_owned()))?;
        let amount = from_square(total.amount, &total.currency)?;
        if amount != asked {
            return Err(malformed(format!("asks for {amount}, not for {asked}")));
        }
        let is_address =
            |url: &str| Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "https" | "http"));
        let url = link.url.clone().filter(|url| is_address(url));
        let url = url.ok_or_else(|| malformed("has no url that a browser can go to".to_owned()))?;
        let id = part("payment link", &format!("{}{PAGE_SEPARATOR}{order_id}", link.id))?;
        Ok(OpenCheckout { id, url, amount, expires_unix: NEVER_UNIX })
    }
}
