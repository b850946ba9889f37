//! What the queue of letters carries: a client's letter, one to a contact, or what staff are told.

use domain::id::FirmId;
use serde::{Deserialize, Serialize};
use store::{AddressHash, Waiting};

use crate::correspondence::LetterMessage;
use crate::tell::TellMessage;

/// One letter to a contact, as the queue of letters holds it: nothing of the person, and no token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailMessage {
    /// Whose.
    pub firm: FirmId,
    /// To which address.
    pub address: AddressHash,
    /// Which.
    pub mail: String,
}

impl MailMessage {
    /// What is to be done about something that waits, if it is such a letter.
    pub fn of(waiting: &Waiting) -> Option<Self> {
        match waiting {
            Waiting::Mail { firm, address, mail } => {
                Some(Self { firm: firm.clone(), address: address.clone(), mail: mail.clone() })
            }
            Waiting::Letter { .. }
            | Waiting::Claimed { .. }
            | Waiting::Notice { .. }
            | Waiting::Digest { .. }
            | Waiting::StaffMail { .. }
            | Waiting::Run { .. }
            | Waiting::Reports { .. }
            | Waiting::Preview { .. }
            | Waiting::Charge { .. }
            | Waiting::Rollout { .. }
            | Waiting::Erasure { .. }
            | Waiting::Webhook { .. } => None,
        }
    }
}

/// Whatever the queue of letters holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Errand {
    /// A client's letter.
    Letter(LetterMessage),
    /// A letter to a contact.
    Mail(MailMessage),
    /// What staff are told.
    Tell(TellMessage),
}

impl Errand {
    /// Whose.
    pub fn firm(&self) -> &FirmId {
        match self {
            Self::Letter(letter) => &letter.firm,
            Self::Mail(mail) => &mail.firm,
            Self::Tell(tell) => &tell.firm,
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::letter::LetterId;

    use super::*;

    #[test]
    fn a_client_s_letter_and_a_contact_s_are_told_apart() {
        let firm: FirmId = "f-1".parse().unwrap();
        let address = AddressHash::of(&firm, "ann@acme.example");
        let mail = MailMessage { firm: firm.clone(), address, mail: "m-1".to_owned() };
        let client = "acme".parse().unwrap();
        let letter = LetterMessage { firm, client, letter: LetterId(3), stuck: true };
        let (mail, letter) = (Errand::Mail(mail), Errand::Letter(letter));
        for errand in [mail.clone(), letter] {
            let text = serde_json::to_string(&errand).unwrap();
            assert!(!text.contains("ann@"), "{text}");
            assert_eq!(serde_json::from_str::<Errand>(&text).unwrap(), errand);
        }
        let text = serde_json::to_string(&mail).unwrap();
        for wrong in [
            text.replace("f-1", "f#1"),
            text.replace("mail", "letter"),
            text.replace("\"address\":\"", "\"address\":\"#"),
        ] {
            assert!(serde_json::from_str::<Errand>(&wrong).is_err(), "{wrong}");
        }
    }
}
