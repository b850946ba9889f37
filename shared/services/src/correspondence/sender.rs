//! From where a firm writes (LET-2): its own domain, or its letters wait and say why.

use domain::id::FirmId;
use sha2::{Digest, Sha256};
use store::FirmSettings;

/// How many characters of a message's name tell the firm: no two firms of a deployment share them.
const MARK: usize = 16;

/// How many characters such a name has.
const NAME: usize = 32;

/// Why a firm's letters wait: what has to be set up first (LET-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SetUpError {
    /// No domain.
    #[error("letters wait: the firm has no verified domain to send them from")]
    NoDomain,
    /// A domain, and no address at it.
    #[error("letters wait: the firm has not said which address they come from")]
    NoAddress,
    /// The domain's records were not found yet.
    #[error("letters wait: the firm's domain is not verified yet")]
    NotVerified,
    /// An address of a domain that isn't the firm's, for all we know.
    #[error("letters wait: the address they come from is not at the firm's domain")]
    OtherDomain,
    /// Something that isn't an address.
    #[error("letters wait: the firm's sender address is not one that mail can use")]
    BadAddress,
    /// The provider refuses the firm, not the letter.
    #[error("letters wait: the mail service does not accept the firm's domain")]
    Refused,
}

/// From which address a firm writes, and where answers go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The firm's own address.
    pub from: String,
    /// Where answers go.
    pub reply_to: String,
}

impl Sender {
    /// The firm's sender (LET-2). The mail service would send for any domain that any firm of the deployment
    /// has verified, so whose it is, is asked here (SEC-1). A test firm's mail goes to a local mailbox only, so
    /// it may write before it has a domain (TEST-1).
    ///
    /// # Errors
    /// What has to be set up first.
    pub fn of(settings: &FirmSettings) -> Result<Self, SetUpError> {
        let from = match (&settings.mail_from, settings.is_test) {
            (Some(from), _) => from.clone(),
            (None, true) => "letters@firm.test".to_owned(),
            (None, false) if settings.mail_domain.is_some() => return Err(SetUpError::NoAddress),
            (None, false) => return Err(SetUpError::NoDomain),
        };
        let reply_to = settings.reply_to.clone().unwrap_or_else(|| from.clone());
        let is_usable = |text: &str| text.is_ascii() && text.parse::<lettre::Address>().is_ok();
        if !(is_usable(&from) && is_usable(&reply_to)) {
            return Err(SetUpError::BadAddress);
        }
        let sender = Self { from, reply_to };
        match &settings.mail_domain {
            _ if settings.is_test => Ok(sender),
            None => Err(SetUpError::NoDomain),
            Some(known) if !is_at(&sender.from, &known.name) => Err(SetUpError::OtherDomain),
            Some(known) if !known.is_verified => Err(SetUpError::NotVerified),
            Some(_) => Ok(sender),
        }
    }

    fn domain(&self) -> &str {
        self.from.rsplit('@').next().unwrap_or_default()
    }
}

/// Whether an address is at that domain, or below it.
pub fn is_at(address: &str, domain: &str) -> bool {
    let of = address.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
    of == domain || of.strip_suffix(domain).is_some_and(|below| below.ends_with('.'))
}

/// How the Message-ID of each of a firm's letters begins: whose a letter is can be told by who knows the
/// firms, and by nobody else (SEC-5).
pub fn message_mark(firm: &FirmId) -> String {
    hex::encode(Sha256::digest(format!("firm {firm}").as_bytes()))[..MARK].to_owned()
}

/// A letter's name in all the world: the same for the same name here, and saying nothing (SEC-5).
pub(crate) fn message_id(firm: &FirmId, name: &str, sender: &Sender) -> String {
    format!("{}@{}", message_name(firm, name), sender.domain())
}

/// The part of it before the sender's domain.
pub(crate) fn message_name(firm: &FirmId, name: &str) -> String {
    let hash = hex::encode(Sha256::digest(name.as_bytes()));
    format!("{}{}", message_mark(firm), &hash[..NAME - MARK])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn let_2_and_sec_1_a_firm_writes_from_its_own_verified_domain_alone() {
        let new = || FirmSettings::new("Bea & Partners", chrono_tz::America::New_York);
        let bea = new().sending_from("billing@bea.example");
        let from =
            |address: &str| FirmSettings { mail_from: Some(address.to_owned()), ..bea.clone() };
        let mut waiting = bea.clone();
        waiting.mail_domain.as_mut().unwrap().is_verified = false;
        for (settings, expected) in [
            (bea.clone(), Ok("billing@bea.example")),
            (from("Billing@Bea.Example"), Ok("Billing@Bea.Example")),
            (from("billing@mail.bea.example"), Ok("billing@mail.bea.example")),
            (from("billing@notbea.example"), Err(SetUpError::OtherDomain)),
            (from("billing@pat.example"), Err(SetUpError::OtherDomain)),
            (from("billing@example"), Err(SetUpError::OtherDomain)),
            (from("bea"), Err(SetUpError::BadAddress)),
            (waiting, Err(SetUpError::NotVerified)),
            (FirmSettings { mail_from: None, ..bea.clone() }, Err(SetUpError::NoAddress)),
            // An address alone is nobody's word.
            (FirmSettings { mail_domain: None, ..bea.clone() }, Err(SetUpError::NoDomain)),
            (new(), Err(SetUpError::NoDomain)),
            (FirmSettings { is_test: true, ..new() }, Ok("letters@firm.test")),
        ] {
            let sender = Sender::of(&settings).map(|sender| sender.from);
            assert_eq!(sender.as_deref(), expected.as_ref().map(|from| *from), "{settings:?}");
        }
    }
}
