//! Which mails a person at the firm gets: its own choice, and a record of the firm's chain (STAFF-1).

use chrono::{DateTime, Utc};
use domain::id::StaffId;
use store::{FirmChange, FirmCommit, MailChoice, Mails};

use crate::execute::Caller;
use crate::firm::Firm;
use crate::office::policies::meta;
use crate::office::settings::{MAX_TRIES, SettingsError};

/// Chooses; choosing the same again writes nothing, unless mails came back: then they are sent again, for
/// whoever chooses says that the address is right.
///
/// # Errors
/// [`SettingsError`].
pub async fn choose_mails(
    firm: &Firm,
    staff: &StaffId,
    mails: Mails,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<(), SettingsError> {
    let store = firm.store();
    for _ in 0..MAX_TRIES {
        let is_written_to = store.mails_returned(staff).await?.is_none();
        if is_written_to && store.mail_choice(staff).await? == mails {
            return Ok(());
        }
        let Some(loaded) = store.load_firm().await? else { break };
        let change = FirmChange::MailsChosen(MailChoice { staff: staff.clone(), mails });
        let meta = meta(firm, "choose_mails", caller, now);
        if store.change_firm(&loaded, &change, &meta).await? == FirmCommit::Done {
            return Ok(());
        }
    }
    Err(SettingsError::Busy)
}
