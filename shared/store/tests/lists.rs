//! Lists, cursors and everything of a firm that isn't an account.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod common;

use common::*;
use domain::command::Needs;
use domain::event::Event;
use domain::id::{ClientId, PaymentId};
use domain::invoice::{Ending, Hold};
use domain::letter::{Content, Letter, LetterId, LetterKind, LetterState, Sending};
use domain::lock::{Lock, LockCause, Scope};
use domain::note::{Note, NoteId, NoteKind};
use domain::payment::{Method, Payment, PaymentFacts, Seen};
use domain::policy::PolicyRef;
use domain::policy::life::State;
use domain::role::Role;
use domain::task::{About, Task, TaskId};
use domain::text::Personal;
use store::{
    Answer, Begun, ClientState, Commit, Delivery, DeliveryState, Dynamo, Endpoint, FirmChange,
    FirmCommit, FirmSettings, Grant, Listed, LoadedFirm, Order, PageRequest, Platform,
    PolicyDocument, Received, Store, StoreError, Verdict, Waiting, Webhook,
};

/// All pages of a list, so many items each.
macro_rules! all {
    ($limit:expr, $page:ident => $list:expr) => {{
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let $page = PageRequest { cursor: cursor.as_deref(), limit: $limit };
            let listed: Listed<_> = $list.await.unwrap();
            assert!(listed.items.len() <= $limit as usize);
            items.extend(listed.items);
            cursor = listed.next;
            if cursor.is_none() {
                break items;
            }
        }
    }};
}

fn client(name: &str) -> ClientId {
    name.parse().unwrap()
}

fn letter(id: u64, state: LetterState) -> Letter {
    let on = day("2026-03-02");
    Letter { id: LetterId(id), queued_on: on, leaves_on: on, content: Content::WelcomeBack, state }
}

fn left() -> LetterState {
    let on = day("2026-03-02");
    LetterState::Left(Sending {
        on,
        kind: LetterKind::WelcomeBack,
        invoices: [].into(),
        contact: 0,
        text: None,
        within: None,
    })
}

on_both! {
    async fn clients_are_listed_by_state_and_name(dynamo: Dynamo) {
        let store = store(&dynamo);
        for (id, name, is_locked) in
            [("c-1", "Zeta", false), ("c-2", "alpha", false), ("c-3", "Mid # way", true), ("c-4", "Beta", true)]
        {
            let mut loaded = store.begin(client(id), profile());
            loaded.account.profile.name = Personal::new(name);
            let mut after = loaded.account.clone();
            after.invoices.insert("A".parse().unwrap(), invoice(&format!("{id}-1"), 5));
            let first = after.invoices.remove(&"A".parse().unwrap()).unwrap();
            after.invoices.insert(first.id.clone(), first);
            let lock = is_locked.then(|| Lock {
                episode: 1,
                on: day("2026-03-02"),
                cause: LockCause::Hand(Personal::new("why")),
                policy: PolicyRef { class: "regular".parse().unwrap(), version: 1 },
                steps: [].into(),
                money_came: false,
                requests: 0,
                scope: Scope::Client,
            });
            after.locks = lock.into_iter().map(|lock| (Scope::Client, lock)).collect();
            let commit = store.commit(&loaded, &after, &[Event::ExceptionEnded], &meta("open"), &derived(None)).await;
            assert!(matches!(commit.unwrap(), Commit::Done(_)));
        }
        for limit in [1, 2, 3, 100] {
            let rows = all!(limit, page => store.clients(None, &page));
            let names: Vec<_> = rows.iter().map(|row| row.name.as_str()).collect();
            assert_eq!(names, ["Beta", "Mid # way", "alpha", "Zeta"]);
            assert!(rows.iter().all(|row| row.oldest_due == Some(day("2026-03-31"))));
            let locked = all!(limit, page => store.clients(Some(ClientState::Locked), &page));
            assert_eq!(locked.len(), 2);
        }
        let first = PageRequest { cursor: None, limit: 1 };
        let next = store.clients(None, &first).await.unwrap().next.unwrap();
        // Not another firm's, not another list's, nothing made up (SEC-1).
        let other = Store::new(dynamo.clone(), "f-2".parse().unwrap());
        let page = PageRequest { cursor: Some(&next), limit: 1 };
        assert!(matches!(other.clients(None, &page).await, Err(StoreError::Cursor)));
        assert!(matches!(store.tasks(&page).await, Err(StoreError::Cursor)));
        assert!(matches!(store.invoices(&client("c-1"), &page).await, Err(StoreError::Cursor)));
        assert!(matches!(store.clients(Some(ClientState::Open), &page).await, Err(StoreError::Cursor)));
        for forged in ["", "x", "WzAse31d", "WzcseyJwayI6IngifV0"] {
            let page = PageRequest { cursor: Some(forged), limit: 1 };
            let answer = store.clients(None, &page).await;
            assert!(forged == "WzAse31d" || matches!(answer, Err(StoreError::Cursor)), "for {forged:?}");
        }
    }
}

on_both! {
    async fn invoices_letters_tasks_and_notes_are_listed_page_by_page(dynamo: Dynamo) {
        let store = store(&dynamo);
        let loaded = opened(&store, &acme(), &[]).await;
        let mut after = loaded.account.clone();
        for number in 0..9 {
            let mut invoice = invoice(&format!("A-{number}"), 100);
            let reason = Personal::new("typo");
            invoice.ending = (number % 2 == 0).then(|| Ending::Voided { on: day("2026-03-02"), reason });
            after.invoices.insert(invoice.id.clone(), invoice);
            let state = if number < 6 { left() } else { LetterState::Queued };
            after.letters.insert(LetterId(number + 1), letter(number + 1, state));
            let id = TaskId(number + 100);
            let opened_on = domain::calendar::plus(day("2026-03-02"), 9 - number as u32);
            let task = Task { id, opened_on, about: About::ReadyForUnlock, assignee: None };
            after.tasks.insert(id, task);
        }
        let commit = store.commit(&loaded, &after, &[Event::ExceptionEnded], &meta("all"), &derived(None)).await;
        assert!(matches!(commit.unwrap(), Commit::Done(_)));
        for number in 0..3 {
            let loaded = store.load(&acme()).await.unwrap().unwrap();
            let note = Note {
                id: NoteId(loaded.account.next_number),
                kind: NoteKind::Call,
                by: "bea".parse().unwrap(),
                invoice: None,
                text: Personal::new(format!("called {number}")),
            };
            let events = [Event::NoteAdded(note)];
            let after = domain::apply::fold(loaded.account.clone(), &events);
            let commit = store.commit(&loaded, &after, &events, &meta("add_note"), &derived(None)).await;
            assert!(matches!(commit.unwrap(), Commit::Done(_)));
        }
        for limit in [1, 2, 4, 5, 100] {
            let invoices = all!(limit, page => store.invoices(&acme(), &page));
            let ids: Vec<_> = invoices.iter().map(|invoice| invoice.id.as_str()).collect();
            assert_eq!(ids, ["A-1", "A-3", "A-5", "A-7", "A-0", "A-2", "A-4", "A-6", "A-8"]);
            let letters = all!(limit, page => store.letters(&acme(), &page));
            let ids: Vec<_> = letters.iter().map(|row| row.letter.id.0).collect();
            assert_eq!(ids, [9, 8, 7, 6, 5, 4, 3, 2, 1]);
            let tasks = all!(limit, page => store.tasks(&page));
            assert!(tasks.is_sorted_by_key(|row| row.task.opened_on), "oldest first");
            assert_eq!((tasks.len(), &tasks[0].client), (9, &acme()));
            let notes = all!(limit, page => store.notes(&acme(), &page));
            let texts: Vec<_> = notes.iter().map(|note| note.text.as_str()).collect();
            assert_eq!(texts, ["called 2", "called 1", "called 0"], "of one instant");
        }
        for id in ["A-1", "A-2"] {
            let invoice = store.invoice(&acme(), &id.parse().unwrap()).await.unwrap().unwrap();
            assert_eq!(Some(&invoice), after.invoices.get(&id.parse().unwrap()));
        }
        assert_eq!(store.invoice(&acme(), &"none".parse().unwrap()).await.unwrap(), None);
    }
}

on_both! {
    async fn let_4_a_letter_stays_in_the_outbox_until_its_outcome_is_known(dynamo: Dynamo) {
        let store = store(&dynamo);
        let platform = Platform::new(dynamo.clone());
        let loaded = opened(&store, &acme(), &[]).await;
        let commit = async |loaded: &store::Loaded, letter: Letter| {
            let mut after = loaded.account.clone();
            after.letters.insert(letter.id, letter);
            let commit = store.commit(loaded, &after, &[Event::ExceptionEnded], &meta("x"), &derived(None)).await;
            assert!(matches!(commit.unwrap(), Commit::Done(_)));
            store.load(&acme()).await.unwrap().unwrap()
        };
        let loaded = commit(&loaded, letter(1, LetterState::Queued)).await;
        let (firm, client, letter_id) = (firm(), acme(), LetterId(1));
        let queued = Waiting::Letter { firm: firm.clone(), client: client.clone(), letter: letter_id };
        let claimed = Waiting::Claimed { firm, client, letter: letter_id };
        let noon = at("2026-03-02T12:00:00Z");
        let waiting = async |now| platform.waiting(now, 10).await.unwrap();
        assert_eq!(waiting(noon - chrono::TimeDelta::milliseconds(1)).await, []);
        assert_eq!(waiting(noon).await, std::slice::from_ref(&queued));
        let later = noon + chrono::TimeDelta::hours(1);
        assert!(store.postpone_letter(&acme(), LetterId(1), later).await.unwrap());
        assert!(!store.postpone_letter(&acme(), LetterId(9), later).await.unwrap());
        assert_eq!(waiting(noon).await, []);
        assert_eq!(waiting(later).await, [queued]);
        commit(&loaded, letter(1, left())).await;
        assert_eq!(waiting(noon).await, std::slice::from_ref(&claimed));
        assert!(store.watch_letter(&acme(), LetterId(1), later).await.unwrap());
        assert_eq!(waiting(noon).await, []);
        assert_eq!(waiting(later).await, [claimed]);
        let delivery = Delivery {
            state: DeliveryState::Sent,
            at: noon,
            message_id: Some("m-1".to_owned()),
            sha256: None,
            problem: None,
        };
        assert!(store.letter_delivered(&acme(), LetterId(1), &delivery).await.unwrap());
        let lost = Delivery { state: DeliveryState::Uncertain, ..delivery.clone() };
        assert!(!store.letter_delivered(&acme(), LetterId(1), &lost).await.unwrap(), "the first one stays");
        assert!(!store.letter_delivered(&acme(), LetterId(7), &lost).await.unwrap(), "no such letter");
        assert_eq!(waiting(later).await, []);
        let row = store.letter(&acme(), LetterId(1)).await.unwrap().unwrap();
        assert_eq!((row.letter.state, row.delivery), (left(), Some(delivery)));
        // The account never heard of it.
        assert_eq!(store.load(&acme()).await.unwrap().unwrap().version(), 3);
    }
}

async fn firm_now(store: &Store) -> LoadedFirm {
    store.load_firm().await.unwrap().unwrap()
}

on_both! {
    async fn aud_1_each_change_of_the_firm_is_a_link_of_its_chain(dynamo: Dynamo) {
        let store = store(&dynamo);
        let platform = Platform::new(dynamo.clone());
        let settings = FirmSettings::new("Bea & Partners", "America/New_York".parse().unwrap());
        let meta = meta("firm");
        assert!(store.load_firm().await.unwrap().is_none());
        assert_eq!(store.open_firm(&settings, &meta).await.unwrap(), FirmCommit::Done);
        assert_eq!(store.open_firm(&settings, &meta).await.unwrap(), FirmCommit::Stale);
        let old = firm_now(&store).await;
        assert_eq!((&old.settings, old.version()), (&settings, 1));
        // A new firm's day begins at once, then when it is told to.
        assert_eq!(platform.dawned(at("2026-03-02T00:00:00Z")).await.unwrap(), [firm()]);
        let dawn = at("2026-03-03T05:00:00Z");
        store.set_dawn(&settings, day("2026-03-02"), dawn).await.unwrap();
        assert_eq!(platform.dawned(dawn - chrono::TimeDelta::seconds(1)).await.unwrap(), []);
        assert_eq!(platform.dawned(dawn).await.unwrap(), [firm()]);
        assert_eq!(store.evaluated_on().await.unwrap(), Some(day("2026-03-02")));
        let policy = |version, effective_on| PolicyDocument {
            class: "regular".parse().unwrap(),
            version,
            document: "name: cpa".to_owned(),
            effective_on: day(effective_on),
            author: Some("pat".parse().unwrap()),
            state: Default::default(),
            new_steps: [].into(),
            late_fee_since: None,
        };
        let armed = FirmChange::PolicyArmed(policy(1, "2026-03-02"));
        assert_eq!(store.change_firm(&old, &armed, &meta).await.unwrap(), FirmCommit::Done);
        assert_eq!(store.change_firm(&old, &armed, &meta).await.unwrap(), FirmCommit::Stale);
        // Where the firm was read again, a version is written again: with another state (POL-7).
        let now = firm_now(&store).await;
        let draft = PolicyDocument { state: State::Draft, ..policy(2, "2026-03-09") };
        let saved = FirmChange::PolicySaved(draft.clone());
        assert_eq!(store.change_firm(&now, &saved, &meta).await.unwrap(), FirmCommit::Done);
        assert_eq!(store.change_firm(&now, &saved, &meta).await.unwrap(), FirmCommit::Stale);
        let now = firm_now(&store).await;
        let gone = PolicyDocument { state: State::Withdrawn, ..draft };
        let withdrawn = FirmChange::PolicyWithdrawn(gone.clone());
        assert_eq!(store.change_firm(&now, &withdrawn, &meta).await.unwrap(), FirmCommit::Done);
        let grant = Grant {
            subject: "auth0|bea".to_owned(),
            staff: "bea".parse().unwrap(),
            name: Personal::new("Bea"),
            roles: [Role::BillingLead].into(),
            mail: Some(Personal::new("bea@firm.example")),
        };
        let endpoint = Endpoint {
            id: "0123456789abcdef".to_owned(),
            gateway: "stripe".parse().unwrap(),
            is_live: false,
            secrets: "stripe-test".to_owned(),
            opened_at: None,
            closed_at: None,
        };
        let changes = [
            FirmChange::PolicyArmed(policy(2, "2026-04-01")),
            FirmChange::GrantGiven(grant.clone()),
            FirmChange::EndpointOpened(endpoint.clone()),
            FirmChange::Settings(FirmSettings { reply_to: Some("ar@bea.example".to_owned()), ..settings.clone() }),
        ];
        for change in &changes {
            let now = firm_now(&store).await;
            assert_eq!(store.change_firm(&now, change, &meta).await.unwrap(), FirmCommit::Done, "{change:?}");
        }
        let policies = store.policies(&"regular".parse().unwrap()).await.unwrap();
        assert_eq!(policies.iter().map(|policy| policy.version).collect::<Vec<_>>(), [2, 1]);
        assert!(store.policies(&"reg".parse().unwrap()).await.unwrap().is_empty());
        assert_eq!(store.all_policies().await.unwrap().len(), 2);
        assert_eq!(store.grant("auth0|bea").await.unwrap(), Some(grant.clone()));
        assert_eq!(store.grants().await.unwrap(), [grant]);
        assert_eq!(platform.firms_of("auth0|bea").await.unwrap(), [firm()]);
        assert_eq!(platform.endpoint(&endpoint.id).await.unwrap(), Some((firm(), endpoint.clone())));
        assert_eq!(store.endpoints().await.unwrap(), std::slice::from_ref(&endpoint));
        assert_eq!(firm_now(&store).await.settings.reply_to.as_deref(), Some("ar@bea.example"));
        for change in [
            FirmChange::GrantTaken { subject: "auth0|bea".to_owned() },
            FirmChange::EndpointClosed { id: endpoint.id.clone() },
        ] {
            let now = firm_now(&store).await;
            assert_eq!(store.change_firm(&now, &change, &meta).await.unwrap(), FirmCommit::Done);
        }
        assert_eq!(store.grant("auth0|bea").await.unwrap(), None);
        assert_eq!(platform.firms_of("auth0|bea").await.unwrap(), []);
        assert_eq!(platform.endpoint(&endpoint.id).await.unwrap(), None);
        assert_eq!(store.verify_firm().await.unwrap(), Verdict::Whole { records: 10 });
        let records = all!(3, page => store.firm_records(&page));
        assert_eq!(records.len(), 10);
        let last: FirmChange = serde_json::from_value(records[7].body.events[0].clone()).unwrap();
        assert_eq!(last, changes[3]);
        assert!(!records[5].stored.contains("Bea\""), "{}", records[5].stored);
    }
}

on_both! {
    async fn aud_1_a_page_of_the_trail_takes_two_calls_however_many_records_it_has(dynamo: Dynamo) {
        let store = store(&dynamo);
        let mut loaded = opened(&store, &acme(), &[]).await;
        let mut expected = Vec::new();
        for number in 0..24 {
            let reason = Personal::new(format!("reason {number}"));
            let hold = Hold { until: None, reason, begun_on: day("2026-03-02") };
            let event = match number % 3 {
                0 => Event::ExceptionEnded, // without a personal text
                _ => Event::HoldBegun { invoice: None, hold },
            };
            let events = [event];
            let after = domain::apply::fold(loaded.account.clone(), &events);
            let commit = store.commit(&loaded, &after, &events, &meta("hold"), &derived(None)).await;
            assert!(matches!(commit.unwrap(), Commit::Done(_)));
            loaded = store.load(&acme()).await.unwrap().unwrap();
            expected.extend(events);
        }
        for limit in [1, 2, 7, 25, 100] {
            for order in [Order::Oldest, Order::Newest] {
                let mut records = all!(limit, page => store.records(&acme(), order, &page));
                records.sort_by_key(|record| record.sequence);
                let events = records[1..].iter().flat_map(|record| record.body.events().unwrap());
                assert_eq!(events.collect::<Vec<_>>(), expected, "{order:?} by {limit}");
            }
        }
        // What lies together is charged together: four units for records, one for texts.
        dynamo.capacity().take();
        let page = PageRequest { cursor: None, limit: 20 };
        assert_eq!(store.records(&acme(), Order::Newest, &page).await.unwrap().items.len(), 20);
        let consumed = dynamo.capacity().take();
        assert_eq!(consumed.calls, 2, "{consumed:?}");
        assert!(consumed.half_reads <= 10, "{consumed:?}");
    }
}

on_both! {
    async fn test_1_a_test_firms_days_come_when_its_clock_is_moved(dynamo: Dynamo) {
        let store = store(&dynamo);
        let mut settings = FirmSettings::new("Trial", "UTC".parse().unwrap());
        settings.is_test = true;
        assert_eq!(store.open_firm(&settings, &meta("firm")).await.unwrap(), FirmCommit::Done);
        let platform = Platform::new(dynamo.clone());
        assert_eq!(platform.dawned(at("2099-01-01T00:00:00Z")).await.unwrap(), []);
        store.set_dawn(&settings, day("2026-03-02"), at("2026-03-03T00:00:00Z")).await.unwrap();
        assert_eq!(platform.dawned(at("2099-01-01T00:00:00Z")).await.unwrap(), []);
    }
}

on_both! {
    async fn pay_2_a_webhook_is_kept_once_and_until_it_is_finished(dynamo: Dynamo) {
        let store = store(&dynamo);
        let platform = Platform::new(dynamo.clone());
        let webhook = Webhook {
            firm: firm(),
            gateway: "stripe".parse().unwrap(),
            event: "evt_1".to_owned(),
            endpoint: "0123".to_owned(),
            hint: "pi_1".to_owned(),
            received_at: at("2026-03-02T12:00:00Z"),
            attempts: 0,
            outcome: None,
        };
        let ready_at = at("2026-03-02T12:01:00Z");
        assert_eq!(store.receive(&webhook, ready_at).await.unwrap(), Received::New);
        dynamo.capacity().take();
        let before = store.receive(&webhook, ready_at).await.unwrap();
        assert_eq!(before, Received::Before(Box::new(webhook.clone())));
        assert_eq!(dynamo.capacity().take().half_writes, 0, "a redelivered event costs no write");
        // The same event of another firm is another event.
        let other = Store::new(dynamo.clone(), "f-2".parse().unwrap());
        let theirs = Webhook { firm: "f-2".parse().unwrap(), ..webhook.clone() };
        assert_eq!(other.receive(&theirs, ready_at + chrono::TimeDelta::days(9)).await.unwrap(), Received::New);
        assert_eq!(platform.waiting(webhook.received_at, 10).await.unwrap(), []);
        let waiting = |attempts| Waiting::Webhook {
            firm: firm(),
            gateway: "stripe".parse().unwrap(),
            event: "evt_1".to_owned(),
            attempts,
        };
        assert_eq!(platform.waiting(ready_at, 10).await.unwrap(), [waiting(0)]);
        let later = ready_at + chrono::TimeDelta::minutes(5);
        let gateway = &webhook.gateway;
        assert!(store.postpone_webhook(gateway, "evt_1", 1, later).await.unwrap());
        assert_eq!(platform.waiting(ready_at, 10).await.unwrap(), []);
        assert_eq!(platform.waiting(later, 10).await.unwrap(), [waiting(1)]);
        assert!(store.finish_webhook(gateway, "evt_1", "applied").await.unwrap());
        assert!(!store.finish_webhook(gateway, "evt_1", "ignored").await.unwrap());
        assert!(!store.postpone_webhook(gateway, "evt_1", 2, later).await.unwrap());
        assert_eq!(platform.waiting(later, 10).await.unwrap(), []);
        let stored = store.webhook(gateway, "evt_1").await.unwrap().unwrap();
        assert_eq!((stored.attempts, stored.outcome.as_deref()), (1, Some("applied")));
    }
}

on_both! {
    async fn a_request_under_a_key_is_carried_out_once(dynamo: Dynamo) {
        let store = store(&dynamo);
        let now = at("2026-03-02T12:00:00Z");
        let later = |seconds| now + chrono::TimeDelta::seconds(seconds);
        let begin = async |fingerprint: &str, at| store.begin_request("k-1", fingerprint, at).await.unwrap();
        assert_eq!(begin("a", now).await, Begun::New);
        assert_eq!(begin("a", later(59)).await, Begun::Running);
        assert_eq!(begin("b", later(59)).await, Begun::Other);
        assert_eq!(begin("a", later(60)).await, Begun::New, "whoever began it is dead");
        let answer = Answer { status: 201, body: "{}".to_owned() };
        store.answer_request("k-1", &answer).await.unwrap();
        assert_eq!(begin("a", later(90)).await, Begun::Answered(answer.clone()));
        assert_eq!(begin("b", later(90)).await, Begun::Other);
        assert_eq!(begin("b", later(60 + 24 * 3600)).await, Begun::New, "a day later it is forgotten");
        store.forget_request("k-1").await.unwrap();
        assert_eq!(begin("c", later(61 + 24 * 3600)).await, Begun::New);
        store.put_run("import-1", &vec![1, 2]).await.unwrap();
        assert_eq!(store.run::<Vec<u32>>("import-1").await.unwrap(), Some(vec![1, 2]));
        assert_eq!(store.run::<Vec<u32>>("import-2").await.unwrap(), None);
        assert!(matches!(store.run::<String>("import-1").await, Err(StoreError::Corrupt { .. })));
    }
}

on_both! {
    async fn pay_1_a_clients_payments_are_listed_page_by_page(dynamo: Dynamo) {
        let store = store(&dynamo);
        let beta: ClientId = "beta".parse().unwrap();
        for client in [&acme(), &beta] {
            opened(&store, client, &[]).await;
        }
        let nobody = store.payments(&"nobody".parse().unwrap(), &PageRequest::default()).await;
        assert_eq!(nobody.unwrap().items, []);
        let seen = async |client: &ClientId, id: &str, was: Option<Seen>, seen: Seen| {
            let mut loaded = store.load(client).await.unwrap().unwrap();
            let id: PaymentId = id.parse().unwrap();
            let needs = Needs { payments: [id.clone()].into(), ..Needs::default() };
            assert!(store.look_up(&mut loaded, &needs).await.unwrap());
            let known = loaded.account.payments.get(&id).and_then(|p| p.facts.as_ref()).map(|f| f.seen);
            assert_eq!(known, was);
            let mut after = loaded.account.clone();
            let facts = PaymentFacts {
                amount: usd(100), method: Method::Ach, invoices: Vec::new(), seen,
                was_pending: seen != Seen::Pending, first_on: day("2026-03-02"),
            };
            after.payments.insert(id.clone(), Payment { facts: Some(facts), ..Payment::unknown(id) });
            let commit = store.commit(&loaded, &after, &[Event::ExceptionEnded], &meta("pay"), &derived(None)).await;
            assert!(matches!(commit.unwrap(), Commit::Done(_)));
        };
        for number in 0..11 {
            seen(&acme(), &format!("stripe:pi_{number:02}"), None, Seen::Pending).await;
            seen(&beta, &format!("stripe:other_{number:02}"), None, Seen::Succeeded).await;
        }
        // What comes later of a payment, as itself or by its copy, moves it nowhere.
        for number in [0, 3, 7, 10] {
            let id = format!("stripe:pi_{number:02}");
            seen(&acme(), &id, Some(Seen::Pending), Seen::Succeeded).await;
            seen(&acme(), &id, Some(Seen::Succeeded), Seen::Pending).await;
            seen(&acme(), &id, Some(Seen::Pending), Seen::Succeeded).await;
        }
        let expected: Vec<_> = (0..11).rev().map(|number| format!("stripe:pi_{number:02}")).collect();
        for limit in [1, 2, 3, 4, 5, 11, 100] {
            let payments = all!(limit, page => store.payments(&acme(), &page));
            let ids: Vec<_> = payments.iter().map(|payment| payment.id.to_string()).collect();
            assert_eq!(ids, expected, "by {limit}");
        }
        // Cheap: the head, and each payment once.
        dynamo.capacity().take();
        store.payments(&acme(), &PageRequest::default()).await.unwrap();
        let consumed = dynamo.capacity().take();
        assert!(consumed.half_reads <= 2 * (1 + 11) && consumed.calls <= 1 + 4, "{consumed:?}");
        // A cursor of another client's list, or none.
        let page = PageRequest { cursor: None, limit: 2 };
        let others = store.payments(&beta, &page).await.unwrap().next.unwrap();
        for forged in [others.as_str(), "", "x", "bm9uZQ"] {
            let page = PageRequest { cursor: Some(forged), limit: 1 };
            let answer = store.payments(&acme(), &page).await;
            assert!(matches!(answer, Err(StoreError::Cursor)), "for {forged:?}");
        }
    }
}

on_both! {
    // What stands in an address may be of any length; nothing has a name that the table can't hold.
    async fn nothing_has_a_name_that_is_longer_than_a_key(dynamo: Dynamo) {
        let store = store(&dynamo);
        let pat = "pat".parse().unwrap();
        for length in [1_000, 3_000] {
            let name = "a".repeat(length);
            assert_eq!(store.pay_link(&acme(), &name).await.unwrap(), None);
            assert_eq!(store.staff_mail(&pat, &name).await.unwrap(), None);
            assert!(store.checkout(&acme(), &name).await.unwrap().is_none());
        }
    }
}
