//! Letters of several clients that go to one contact, as one message (LET-9): what is in it, what each client's audit
//! says, and what is heard, answered, paid or broken off on the way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use chrono::TimeDelta;
use domain::account::{Contact, Profile};
use domain::command::Command;
use domain::id::ClientId;
use domain::letter::{Language, LetterId, LetterKind, LetterState, Sending, Within};
use domain::money::{Currency, Money};
use domain::role::{Actor, Role};
use domain::text::Personal;
use mail_parser::MimeHeaders;
use platform::clock::Clock;
use services::contacts::{Invitation, Postbox, invite, take_membership};
use services::correspondence::feedback::{MailNews, NewsKind, Told, hear};
use services::correspondence::{Correspondence, LetterMessage, Outcome};
use services::execute::Caller;
use services::firm::{CLAIM_LEASE, Firm};
use services::firms::Firms;
use services::office::settings::change;
use services::papers::letter::sent;
use services::replies::TakenIn;
use store::{DayRun, DeliveryState, FirmSettings, HeardKind, PageRequest, SentLetter, Stage};

use crate::desk::{Answer, Desk, at, client, day, usd};
use crate::stuck::dies_at_write;

const ANN: &str = "ann@acme.example";
const YES: &str = "letters: {consolidate_over_clients: true}";

struct Scene {
    desk: Desk,
    firm: Arc<Firm>,
}

impl Scene {
    /// A firm with that policy on March 4, at noon.
    async fn new(with: &str) -> Self {
        let desk = Desk::at("2026-03-04T12:00:00Z").await;
        let firm = desk.firm("f-1", "UTC", with).await;
        Self { desk, firm }
    }

    /// A client that ann acts for, in that language.
    async fn client(&self, id: &str, name: &str, language: Option<Language>) -> ClientId {
        self.opened(id, name, language, &[ANN, "bob@acme.example"]).await;
        self.acts_for(id).await;
        client(id)
    }

    async fn opened(&self, id: &str, name: &str, language: Option<Language>, to: &[&str]) {
        let contact =
            |address: &&str| Contact { address: Personal::new(*address), is_bounced: false };
        let profile = Profile {
            name: Personal::new(name),
            class: "default".parse().unwrap(),
            currency: Currency::USD,
            contacts: to.iter().map(contact).collect(),
            service_lines: Default::default(),
            terms_allow_late_fee: false,
            language,
            late_fee_terms_since: None,
            jurisdiction: None,
        };
        self.desk.act(&self.firm, &client(id), Command::OpenAccount(profile)).await.unwrap();
    }

    async fn acts_for(&self, id: &str) {
        let (client, called) = (client(id), "Ann".to_owned());
        let invitation = Invitation { client, address: ANN.to_owned(), called };
        let now = self.desk.clock.now();
        invite(&self.firm, &Postbox::default(), &invitation, &lead(), now).await.unwrap();
    }

    async fn owes(&self, id: &str, invoice: &str, amount: Money) {
        self.desk.invoice(&self.firm, &client(id), invoice, amount, "2026-03-03").await;
    }

    /// Two clients of ann, with a notice each, at noon.
    async fn two(with: &str) -> Self {
        let scene = Self::new(with).await;
        scene.client("acme", "Acme Bakery", None).await;
        scene.client("bea", "Bea Books", None).await;
        scene.owes("acme", "A-1", usd(10_000)).await;
        scene.owes("bea", "B-1", usd(20_000)).await;
        assert_eq!(scene.desk.waiting().await.len(), 2);
        scene
    }

    /// The same on the day of their locks, with a demand each.
    async fn two_locked(with: &str) -> Self {
        let scene = Self::two(with).await;
        for on in ["2026-03-04", "2026-03-18", "2026-04-02"] {
            scene.desk.clock.set(at(&format!("{on}T12:00:00Z")));
            for id in ["acme", "bea"] {
                scene.desk.act(&scene.firm, &client(id), Command::Evaluate).await.unwrap();
            }
            if on != "2026-04-02" {
                scene.deliver().await;
            }
        }
        assert_eq!(scene.desk.waiting().await.len(), 2);
        scene
    }

    async fn deliver(&self) -> Vec<Outcome> {
        self.desk.deliver().await
    }

    /// Goes on until nothing waits.
    async fn settle(&self) {
        for _ in 0..6 {
            self.desk.pass(CLAIM_LEASE + TimeDelta::seconds(1));
            self.deliver().await;
        }
        assert_eq!(self.desk.waiting().await, []);
    }

    async fn sending(&self, id: &str, letter: LetterId) -> Sending {
        match self.desk.letter(&self.firm, &client(id), letter.0).await.letter.state {
            LetterState::Left(sending) => sending,
            state => panic!("{id}: {state:?}"),
        }
    }

    async fn sent(&self, id: &str, letter: LetterId) -> SentLetter {
        self.firm.store().sent_letter(&client(id), letter).await.unwrap().unwrap()
    }

    async fn state(&self, id: &str, letter: LetterId) -> Option<DeliveryState> {
        let row = self.desk.letter(&self.firm, &client(id), letter.0).await;
        row.delivery.map(|delivery| delivery.state)
    }

    /// In how many messages each of the invoices was.
    fn told(&self) -> BTreeMap<&'static str, usize> {
        let sent = self.desk.post.sent.lock().unwrap();
        let texts: Vec<_> = sent.iter().map(|message| text(&message.raw_mime)).collect();
        let count = |number: &str| texts.iter().filter(|text| text.contains(number)).count();
        ["A-1", "B-1"].into_iter().map(|number| (number, count(number))).collect()
    }

    async fn heard(&self, kind: HeardKind) -> Told {
        let (message, place) = {
            let sent = self.desk.post.sent.lock().unwrap();
            (sent.last().unwrap().clone(), sent.len())
        };
        let news = MailNews {
            about: message.about.unwrap(),
            provider_id: format!("ses-{place}"),
            message_id: Some(message.message_id),
            at: self.desk.clock.now(),
            kind: NewsKind::Heard(kind),
            to: vec![message.to],
            what: None,
        };
        let now = self.desk.clock.now();
        hear(&self.firm, &news, "https://portal.example", now).await.unwrap()
    }
}

fn lead() -> Caller {
    let roles = [Role::BillingLead, Role::Partner].into();
    Caller::new(Actor::Staff { id: "bea".parse().unwrap(), roles })
}

fn text(raw: &[u8]) -> String {
    let parsed = mail_parser::MessageParser::default().parse(raw).unwrap();
    parsed.body_text(0).unwrap().replace("\r\n", "\n")
}

/// The letter of each client that waits.
async fn letters(desk: &Desk) -> BTreeMap<String, LetterMessage> {
    let waiting = desk.waiting().await;
    waiting.into_iter().map(|message| (message.client.to_string(), message)).collect()
}

#[tokio::test]
async fn let_9_letters_of_two_clients_of_one_contact_leave_as_one_message() {
    let scene = Scene::two_locked(YES).await;
    // One of them has another currency, another language, and something milder beside its demand.
    let yen = Money::new(12_000, "JPY".parse().unwrap());
    scene.desk.invoice(&scene.firm, &client("bea"), "J-1", yen, "2026-04-01").await;
    scene.client("carla", "Carla S.A.", Some(Language::Es)).await;
    scene.desk.invoice(&scene.firm, &client("carla"), "C-1", usd(3_000), "2026-04-01").await;
    let waiting = letters(&scene.desk).await;
    let before = scene.desk.sent();
    let outcomes = scene.deliver().await;
    assert_eq!(outcomes, [Outcome::Sent, Outcome::Done, Outcome::Done]);
    assert_eq!(scene.desk.sent(), before + 1);
    let message = scene.desk.post.sent.lock().unwrap().last().unwrap().clone();
    assert_eq!(message.to, ANN);
    // The strongest gives it its subject.
    assert!(message.subject.starts_with("Acme Bakery: "), "{}", message.subject);
    assert!(message.subject.ends_with("; and 2 more clients"), "{}", message.subject);
    let text = text(&message.raw_mime);
    let place = |words: &str| text.find(words).unwrap_or_else(|| panic!("{words:?} in {text}"));
    let order = [
        "This message is about 3 clients",
        "==== Acme Bakery ====",
        "by April 9, 2026",
        "A-1",
        "==== Bea Books ====",
        "12,000 JPY",
        "B-1",
        "==== Carla S.A. ====",
        "Estimado/a Carla S.A.",
        "C-1",
    ];
    assert!(order.is_sorted_by_key(|words| place(words)), "{text}");
    // Each with its own way to pay, which shows its own debt and no other's.
    let mut links = Vec::new();
    for (id, invoices) in [("acme", &["A-1"][..]), ("bea", &["B-1", "J-1"]), ("carla", &["C-1"])] {
        let letter = waiting[id].letter;
        let sent = scene.sent(id, letter).await;
        let link = sent.link.clone().unwrap();
        let link = scene.firm.store().pay_link(&client(id), &link).await.unwrap().unwrap();
        let numbers: Vec<_> = link.invoices.iter().map(|id| id.as_str()).collect();
        assert_eq!((link.client.as_str(), &numbers[..]), (id, invoices));
        links.push(link.hash);
        // LET-3: what is kept of each is its own, and nobody else's.
        let words = sent.words.clone().unwrap().text.as_str().to_owned();
        assert!(text.contains(words.trim()), "{id}");
        for other in ["A-1", "B-1", "C-1"] {
            assert_eq!(words.contains(other), invoices.contains(&other), "{id}: {other}");
        }
        assert_eq!(scene.state(id, letter).await, Some(DeliveryState::Sent), "{id}");
        // AUD-1: its audit says in which message it left.
        let lead = Within { client: client("acme"), letter: waiting["acme"].letter };
        let within = scene.sending(id, letter).await.within;
        assert_eq!(within, (id != "acme").then_some(lead), "{id}");
    }
    links.dedup();
    assert_eq!(links.len(), 3);
    let kinds = [
        scene.sending("acme", waiting["acme"].letter).await.kind,
        scene.sending("carla", waiting["carla"].letter).await.kind,
    ];
    assert_eq!(kinds, [LetterKind::DemandLetter, LetterKind::Notice]);
    assert_eq!(scene.desk.waiting().await, []);
}

#[tokio::test]
async fn let_7_and_9_each_demand_goes_with_its_own_paper() {
    let scene = Scene::two_locked(YES).await;
    let admin = Actor::Staff { id: "ada".parse().unwrap(), roles: [Role::Admin].into() };
    let attach = |settings: &mut FirmSettings| settings.attach_pdf = true;
    let now = scene.desk.clock.now();
    change(&scene.firm, attach, &Caller::new(admin), now).await.unwrap();
    let waiting = letters(&scene.desk).await;
    scene.deliver().await;
    let mail = scene.desk.last_mail();
    let parsed = mail_parser::MessageParser::default().parse(&mail).unwrap();
    let attached: Vec<_> = parsed.attachments().collect();
    assert_eq!(attached.len(), 2);
    for (id, file) in ["acme", "bea"].into_iter().zip(attached) {
        let account = scene.firm.store().load(&client(id)).await.unwrap().unwrap().account;
        let firm = scene.desk.open("f-1").await;
        let paper = sent(&firm, &account, waiting[id].letter).await;
        let paper = paper.unwrap();
        assert_eq!(file.attachment_name(), Some(&*paper.name));
        assert!(file.contents() == paper.bytes, "{id}: made anew it is another one");
    }
}

#[tokio::test]
async fn let_9_only_what_goes_to_the_same_contact_of_the_same_firm_and_may_leaves_together() {
    // Not unless the policy says so.
    let scene = Scene::two("").await;
    assert_eq!(scene.deliver().await, [Outcome::Sent, Outcome::Sent]);
    assert_eq!(scene.desk.sent(), 2);
    // Not to whoever doesn't act for both, though the address is the same.
    let scene = Scene::two(YES).await;
    let hash = store::AddressHash::of(scene.firm.id(), ANN);
    let contact = scene.firm.store().contact_at(&hash).await.unwrap().unwrap();
    let now = scene.desk.clock.now();
    take_membership(&scene.firm, &contact, &client("bea"), &lead(), now).await.unwrap();
    assert_eq!(scene.deliver().await, [Outcome::Sent, Outcome::Sent]);
    assert_eq!(scene.desk.sent(), 2);
    // Not where one of them is written to at another address first.
    let scene = Scene::new(YES).await;
    scene.client("acme", "Acme Bakery", None).await;
    scene.opened("bea", "Bea Books", None, &["bob@acme.example", ANN]).await;
    scene.acts_for("bea").await;
    scene.owes("acme", "A-1", usd(10_000)).await;
    scene.owes("bea", "B-1", usd(10_000)).await;
    assert_eq!(scene.deliver().await, [Outcome::Sent, Outcome::Sent]);
    assert_eq!(scene.desk.sent(), 2);
    // Never across firms: the same person, the same names.
    let scene = Scene::two(YES).await;
    let other = Scene { firm: scene.desk.firm("f-2", "UTC", YES).await, desk: scene.desk };
    other.client("acme", "Acme Bakery", None).await;
    other.owes("acme", "A-9", usd(10_000)).await;
    let outcomes = other.deliver().await;
    assert_eq!(other.desk.sent(), 2, "{outcomes:?}");
    let sent = other.desk.post.sent.lock().unwrap().clone();
    for message in &sent {
        let text = text(&message.raw_mime);
        assert_ne!(text.contains("A-9"), text.contains("A-1"), "{text}");
    }
}

#[tokio::test]
async fn let_4_and_let_9_who_paid_before_it_left_is_not_in_it_and_the_others_are() {
    for paid in ["acme", "bea"] {
        let scene = Scene::two(YES).await;
        let waiting = letters(&scene.desk).await;
        scene.desk.pay(&scene.firm, &client(paid), "stripe:pi_1", usd(20_000)).await;
        scene.deliver().await;
        let told = scene.told();
        let (own, other) = if paid == "acme" { ("A-1", "bea") } else { ("B-1", "acme") };
        let receipts = 1; // which names its invoice
        assert_eq!(told[own], receipts, "{paid}: {told:?}");
        let row = scene.desk.letter(&scene.firm, &client(paid), waiting[paid].letter.0).await;
        assert!(matches!(row.letter.state, LetterState::Withdrawn { .. }), "{row:?}");
        assert_eq!(scene.state(other, waiting[other].letter).await, Some(DeliveryState::Sent));
        assert_eq!(scene.sending(other, waiting[other].letter).await.within, None, "alone");
    }
}

/// LET-4: wherever the process ends, nobody's letter is lost, and none is sent twice where the mail service can tell.
#[tokio::test]
async fn let_4_and_let_9_a_crash_anywhere_loses_nothing_and_sends_nothing_twice() {
    // Writes: 1 and 2 the claims, 3 and 4 the links, 5 all letters are kept, then the message is handed over, 6 and
    // 7 the outcomes.
    for number in 1..=7 {
        let scene = Scene::two_locked(YES).await;
        scene.desk.post.tells.store(true, Ordering::Relaxed);
        let before = scene.told();
        let waiting = letters(&scene.desk).await;
        dies_at_write(&scene.desk, number, &waiting["bea"]).await;
        scene.settle().await;
        let told = scene.told();
        for (id, invoice) in [("acme", "A-1"), ("bea", "B-1")] {
            assert_eq!(told[invoice], before[invoice] + 1, "at write {number}: {told:?}");
            let state = scene.state(id, waiting[id].letter).await;
            assert_eq!(state, Some(DeliveryState::Sent), "at write {number}");
            assert!(!scene.desk.tasks(&scene.firm, &client(id)).await.contains(&"letter_stuck"));
        }
    }
}

#[tokio::test]
async fn let_4_and_let_9_where_nobody_can_tell_a_demand_is_a_persons_for_each_client() {
    for number in [6, 7] {
        let scene = Scene::two_locked(YES).await;
        let waiting = letters(&scene.desk).await;
        let before = scene.desk.sent();
        dies_at_write(&scene.desk, number, &waiting["acme"]).await;
        scene.settle().await;
        assert_eq!(scene.desk.sent(), before + 1, "at write {number}: never twice");
        for id in ["acme", "bea"] {
            let tasks = scene.desk.tasks(&scene.firm, &client(id)).await;
            let state = scene.state(id, waiting[id].letter).await.unwrap();
            let is_noted = number == 7 && id == "bea";
            let expected = if is_noted { DeliveryState::Sent } else { DeliveryState::Uncertain };
            assert_eq!((state, tasks.contains(&"letter_stuck")), (expected, !is_noted), "{id}");
        }
    }
}

/// A notice is sent once more: the same message, less who has paid since.
#[tokio::test]
async fn let_4_and_let_9_handed_over_once_more_it_is_as_true_as_the_first_time() {
    for paid in [None, Some("acme"), Some("bea")] {
        let scene = Scene::two(YES).await;
        let waiting = letters(&scene.desk).await;
        scene.desk.next_answers(&[Answer::Throttled]);
        assert!(matches!(scene.deliver().await[0], Outcome::Unsent(_)));
        assert_eq!(scene.desk.sent(), 0);
        if let Some(paid) = paid {
            scene.desk.pay(&scene.firm, &client(paid), "stripe:pi_1", usd(20_000)).await;
            scene.deliver().await; // the receipt
        }
        scene.settle().await;
        let told = scene.told();
        assert_eq!(told, [("A-1", 1), ("B-1", 1)].into(), "{paid:?}");
        assert_eq!(scene.desk.sent(), if paid.is_none() { 1 } else { 2 }, "{paid:?}");
        for id in ["acme", "bea"] {
            let row = scene.desk.letter(&scene.firm, &client(id), waiting[id].letter.0).await;
            let is_withdrawn = matches!(row.letter.state, LetterState::Withdrawn { .. });
            assert_eq!(is_withdrawn, paid == Some(id), "{id}, {paid:?} paid");
            if paid != Some(id) {
                assert_eq!(scene.state(id, waiting[id].letter).await, Some(DeliveryState::Sent));
                let within = scene.sending(id, waiting[id].letter).await.within;
                assert_eq!(within.is_some(), paid.is_none() && id == "bea", "{id}, {paid:?} paid");
            }
        }
    }
}

#[tokio::test]
async fn let_9_two_who_send_at_once_send_one_message() {
    let scene = Scene::two(YES).await;
    let waiting = letters(&scene.desk).await;
    let (one, other) =
        tokio::join!(scene.desk.send(&waiting["acme"]), scene.desk.send(&waiting["bea"]));
    let outcomes = (one.unwrap(), other.unwrap());
    scene.settle().await;
    assert_eq!(scene.told(), [("A-1", 1), ("B-1", 1)].into(), "{outcomes:?}");
}

#[tokio::test]
async fn let_9_and_10_a_bounce_is_every_clients_and_each_goes_to_its_next_contact() {
    let scene = Scene::two(YES).await;
    let waiting = letters(&scene.desk).await;
    scene.deliver().await;
    assert_eq!(scene.heard(HeardKind::Returned).await, Told::New);
    assert_eq!(scene.heard(HeardKind::Returned).await, Told::Known);
    for id in ["acme", "bea"] {
        let tasks = scene.desk.tasks(&scene.firm, &client(id)).await;
        assert_eq!(tasks, ["bounced_address"], "{id}");
        let row = scene.desk.letter(&scene.firm, &client(id), waiting[id].letter.0).await;
        assert!(row.heard.get(HeardKind::Returned).is_some(), "{id}");
        let account = scene.firm.store().load(&client(id)).await.unwrap().unwrap().account;
        assert!(account.profile.contacts[0].is_bounced, "{id}");
    }
    // Bob was never invited, so he gets one each.
    let outcomes = scene.deliver().await;
    assert_eq!(outcomes, [Outcome::Sent, Outcome::Sent]);
    let sent = scene.desk.post.sent.lock().unwrap().clone();
    assert!(sent.iter().skip(1).all(|message| message.to == "bob@acme.example"));
}

#[tokio::test]
async fn let_8_and_9_an_answer_is_a_message_of_every_client_in_it() {
    let scene = Scene::two(YES).await;
    let inbound = Correspondence {
        inbound_domain: Some("in.example.com".to_owned()),
        ..scene.desk.correspondence()
    };
    let waiting = scene.desk.waiting().await;
    let now = scene.desk.clock.now();
    assert_eq!(inbound.handle(&scene.firm, &waiting[0], now).await.unwrap(), Outcome::Sent);
    let reply_to = scene.desk.post.sent.lock().unwrap()[0].reply_to.clone();
    let raw = format!(
        "From: Ann <{ANN}>\r\nTo: {reply_to}\r\nSubject: Re\r\nMessage-ID: <a@acme.example>\r\n\r\nI paid both."
    );
    let firms = Firms::new(scene.desk.dynamo.clone());
    for expected in [TakenIn::Noted, TakenIn::Again] {
        assert_eq!(inbound.take_in(&firms, raw.as_bytes(), now).await.unwrap(), expected);
    }
    for id in ["acme", "bea"] {
        let page = PageRequest::default();
        let messages = scene.firm.store().messages(&client(id), &page).await.unwrap().items;
        assert_eq!(messages.len(), 1, "{id}");
        assert_eq!(messages[0].message.text.as_str(), "I paid both.");
        let letter = waiting.iter().find(|message| message.client == client(id)).unwrap().letter;
        assert_eq!(messages[0].message.letter, Some(letter), "{id}");
        assert_eq!(scene.desk.tasks(&scene.firm, &client(id)).await, ["message"], "{id}");
    }
    let handed_on = scene.desk.last_text();
    assert!(handed_on.contains("to client acme and letter"), "{handed_on}");
    assert!(handed_on.contains("/console/clients/bea/messages"), "{handed_on}");
}

/// Letters of a run come one after the other: what could join waits until all have been decided.
#[tokio::test]
async fn let_9_letters_wait_while_the_days_run_is_under_way() {
    let scene = Scene::two(YES).await;
    let now = scene.desk.clock.now();
    let run = DayRun {
        day: day("2026-03-04"),
        stage: Stage::Releasing,
        round: 1,
        shards: [0].into(),
        began_at: now,
        tally: Default::default(),
        active: None,
        done: Default::default(),
        shadow: Default::default(),
        decision: None,
        version: 0,
    };
    scene.firm.store().put_day_run(&run, now + TimeDelta::days(1)).await.unwrap();
    let waits = Outcome::Waits(now + TimeDelta::minutes(2));
    assert_eq!(scene.deliver().await, [waits.clone(), waits]);
    assert_eq!(scene.desk.waiting().await, []);
    // A run that hangs holds nothing up for long.
    scene.desk.pass(TimeDelta::minutes(61));
    assert_eq!(scene.deliver().await, [Outcome::Sent, Outcome::Done]);
    assert_eq!(scene.desk.sent(), 1);
}
