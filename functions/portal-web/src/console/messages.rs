//! What a client and the firm write to each other (LET-8): read here, and answered.
//!
//! To look at a message is no reading: somebody else may need the page, and what waits for a reader goes on. Whoever
//! has read presses the button, or answers.

use askama::Template;
use axum::response::Response;
use domain::id::ClientId;
use domain::message::{Author, MessageId};
use domain::text::MAX_TEXT_BYTES;
use store::Message;

use super::act::STAFF;
use super::client::{Head, Place, next_page, titled};
use super::segment;
use crate::extract::{Path, Query};
use crate::page::{Failure, Shell, Visit, render};
use crate::said;

#[derive(Template)]
#[template(path = "console/client/messages.html")]
struct MessagesPage {
    shell: Shell,
    head: Head,
    api: String,
    messages: Vec<Row>,
    /// The newest of those that wait to be read, which are all on the client's pages.
    newest_unread: Option<u64>,
    /// What waits for it, in a sentence.
    waits: Option<String>,
    /// The newest of the client's that an answer answers.
    answers: Option<u64>,
    /// To which address an answer goes as well.
    mailed_to: Option<String>,
    may_write: bool,
    max_length: usize,
    next: Option<String>,
    is_first: bool,
}

struct Row {
    is_the_clients: bool,
    is_unread: bool,
    who: String,
    when: String,
    how: &'static str,
    letter: Option<u64>,
    text: String,
}

impl Row {
    fn of(visit: &Visit, Message { at, message }: Message, unread: &[MessageId]) -> Self {
        let zone = visit.desk.firm.settings().zone;
        let is_the_clients = message.is_the_clients();
        Self {
            is_the_clients,
            is_unread: unread.contains(&message.id),
            who: match message.author {
                Author::Client { address } => {
                    address.map_or("The client".to_owned(), |known| known.personal)
                }
                Author::Staff { by } => by.to_string(),
            },
            when: at.with_timezone(&zone).format("%b %-d, %Y %H:%M").to_string(),
            how: message.channel.words(),
            letter: message.letter.map(|letter| letter.0),
            text: message.text.personal,
        }
    }
}

pub(crate) async fn show(
    visit: Visit,
    Path(client): Path<ClientId>,
    Query(place): Query<Place>,
) -> Result<Response, Failure> {
    let view = visit.desk.view(&client).await?;
    let account = &view.loaded.account;
    let listed = visit.desk.store().messages(&client, &place.page()).await?;
    let open = account.unread();
    let unread: Vec<_> = open.iter().flat_map(|(_, messages)| messages.iter().copied()).collect();
    let of_client = listed.items.iter().map(|known| &known.message);
    let answers = of_client.filter(|message| message.is_the_clients()).map(|message| message.id.0);
    let mailed_to = account.deliverable().and_then(|place| account.profile.contacts.get(place));
    let page = MessagesPage {
        api: format!("/firm/v1/clients/{}/messages", segment(client.as_str())),
        newest_unread: unread.last().map(|message| message.0),
        waits: open.map(|(task, messages)| {
            let since = said::day(task.opened_on);
            let (what, is) = match messages.len() {
                1 => ("1 message".to_owned(), "waits"),
                many => (format!("{many} messages"), "wait"),
            };
            format!(
                "{what} {is} to be read, since {since}. Until then no notice, demand, fee or lock follows; from the day \
                 after, what is due does."
            )
        }),
        answers: answers.max(),
        mailed_to: mailed_to.map(|contact| contact.address.as_str().to_owned()),
        may_write: visit.may(STAFF),
        max_length: MAX_TEXT_BYTES,
        next: next_page(listed.next),
        is_first: place.cursor.is_none(),
        messages: listed
            .items
            .into_iter()
            .map(|message| Row::of(&visit, message, &unread))
            .collect(),
        head: Head::of(account, "messages"),
        shell: titled(&visit, &view, "Messages"),
    };
    Ok(render(&page))
}
