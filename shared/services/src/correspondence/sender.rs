//! From where a firm writes (LET-2): its own domain, or its letters wait and say why.

use domain::id::FirmId;
use sha2::{Digest, Sha256};
use store::FirmSettings;

/// How many characters of a message's name tell the firm: no two firms of a deployment share them.
const MARK: usize = 16;

/// Why a firm's letters wait: what has to be set up first (LET-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SetUpError {
    /// No domain.
    #[error("letters wait: the firm has no verified domain to send them from")]
    NoDomain,
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
    /// The firm's sender (LET-2). A test firm's mail goes to a local mailbox only, so it may write before it
    /// has a domain (TEST-1).
    ///
    /// # Errors
    /// What has to be set up first.
    pub fn of(settings: &FirmSettings) -> Result<Self, SetUpError> {
        let from = match (&settings.mail_from, settings.is_test) {
            (Some(from), _) => from.clone(),
            (None, true) => "letters@firm.test".to_owned(),
            (None, false) => return Err(SetUpError::NoDomain),
        };
        let reply_to = settings.reply_to.clone().unwrap_or_else(|| from.clone());
        let is_usable = |text: &str| text.is_ascii() && text.parse::<lettre::Address>().is_ok();
        match is_usable(&from) && is_usable(&reply_to) {
            true => Ok(Self { from, reply_to }),
            false => Err(SetUpError::BadAddress),
        }
    }

    fn domain(&self) -> &str {
        self.from.rsplit('@').next().unwrap_or_default()
    }
}

/// How the Message-ID of each of a firm's letters begins: whose a letter is can be told by who knows the
/// firms, and by nobody else (SEC-5).
pub fn message_mark(firm: &FirmId) -> String {
    hex::encode(Sha256::digest(format!("firm {firm}").as_bytes()))[..MARK].to_owned()
}

/// A letter's name in all the world: the same for the same name here, and saying nothing (SEC-5).
pub(crate) fn message_id(firm: &FirmId, name: &str, sender: &Sender) -> String {
    let hash = hex::encode(Sha256::digest(name.as_bytes()));
    format!("{}{}@{}", message_mark(firm), &hash[..32 - MARK], sender.domain())
}
