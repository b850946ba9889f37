//! Whatever an account looks like, it comes back as it was written: open facts with one query, the rest
//! when it is asked for.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use common::*;
use domain::access::Capability;
use domain::account::{
    Account, Closed, Contact, Credit, Exception, ExceptionEnd, HardStop, Profile, Response,
    Spreading, TaskId, UnlockRequest, UnlockWay, Unlocked,
};
use domain::calendar::{Day, plus};
use domain::charge::{Attempt, Charge, ChargeId, ChargeOutcome, Decline, DeclineKind, SavedMethod};
use domain::command::Needs;
use domain::concern::{Arrangement, Broken};
use domain::event::Event;
use domain::fee::{Fee, FeeCause, FeeEnd};
use domain::id::{InvoiceId, PaymentId};
use domain::invoice::{
    Allocation, CatchUp, Deposit, Dispute, Ending, Hold, Invoice, InvoiceKind, Line, Posting,
    Source, StepMark, Warning,
};
use domain::letter::{
    Content, DebtKind, Letter, LetterId, LetterKind, LetterState, Part, Sending, Within,
};
use domain::limit::Limit;
use domain::lock::{Lock, LockCause, LockReason, Scope};
use domain::message::MessageId;
use domain::money::Money;
use domain::payment::{ChargebackState, Method, Payment, PaymentFacts, Seen};
use domain::plan::{Instalment, Plan, Promise};
use domain::policy::{PolicyRef, StepKey};
use domain::task::{About, Task};
use domain::text::Personal;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;
use store::{Commit, Dynamo, Store, Verdict};

fn days() -> impl Strategy<Value = Day> + Clone {
    (0..500_u32).prop_map(|days| plus(day("2026-01-01"), days))
}

fn text() -> impl Strategy<Value = Personal> + Clone {
    "[a-zé# ]{0,12}".prop_map(Personal::new)
}

fn money() -> impl Strategy<Value = Money> + Clone {
    (0..1_000_000_u64, prop::sample::select(vec!["USD", "JPY", "BHD"]))
        .prop_map(|(minor, currency)| Money::new(minor, currency.parse().unwrap()))
}

fn invoice_id() -> impl Strategy<Value = InvoiceId> + Clone {
    (0..12_u8).prop_map(|number| format!("A {number}").parse().unwrap())
}

fn payment_id() -> impl Strategy<Value = PaymentId> + Clone {
    (0..6_u8).prop_map(|number| format!("stripe:pi_{number}").parse().unwrap())
}

fn invoices() -> impl Strategy<Value = BTreeSet<InvoiceId>> + Clone {
    btree_set(invoice_id(), 0..4)
}

fn step() -> impl Strategy<Value = StepKey> + Clone {
    let steps = [
        "regular/at/1/notice",
        "out_of_turn/after_lock/10/review_task",
        "regular/at/60/final_demand",
    ];
    prop::sample::select(steps.to_vec()).prop_map(|step| step.parse().unwrap())
}

fn source() -> impl Strategy<Value = Source> + Clone {
    prop_oneof![
        payment_id().prop_map(Source::Payment),
        (0..4_u8).prop_map(|n| Source::CreditNote(format!("cn-{n}").parse().unwrap())),
    ]
}

fn hold() -> impl Strategy<Value = Hold> + Clone {
    (of(days()), text(), days()).prop_map(|(until, reason, begun_on)| Hold {
        until,
        reason,
        begun_on,
    })
}

fn an_invoice() -> impl Strategy<Value = Invoice> {
    let facts = (invoice_id(), money(), days(), days(), any::<bool>(), of(hold()), 0..3_u32);
    let posting = prop_oneof![
        Just(Posting::Draft),
        days().prop_map(Posting::Scheduled),
        Just(Posting::Posted)
    ];
    let ending = of(prop_oneof![
        (days(), text()).prop_map(|(on, reason)| Ending::Voided { on, reason }),
        (days(), text(), money()).prop_map(|(on, reason, amount)| Ending::WrittenOff {
            on,
            reason,
            amount
        }),
    ]);
    let dispute = of((0..9_u64, text(), days(), any::<bool>()).prop_map(
        |(minor, reason, opened_on, is_under_review)| Dispute {
            amount: usd(minor),
            reason,
            opened_on,
            is_under_review,
            reviewed_by: is_under_review.then(|| "pat".parse().unwrap()),
        },
    ));
    let marks = (
        btree_map(step(), (days(), any::<bool>()), 0..3),
        btree_set(0..30_u32, 0..3),
        vec((1..9_u64, days()), 0..2),
        of(of(days())),
        vec(("[a-z]{0,8}", 1..4_u32, 0..99_u64), 0..2),
        vec((a_cause(), 0..99_u64, days(), any::<bool>(), of(an_end())), 0..3),
    );
    let shares = vec((source(), 0..300_000_u64), 0..3);
    (facts, posting, ending, dispute, marks, shares).prop_map(
        |(
            (id, total, issued_on, due_on, flag, hold, promises),
            posting,
            ending,
            dispute,
            marks,
            shares,
        )| {
            let (steps, reminders, warnings, catch_up, lines, fees) = marks;
            let currency = total.currency();
            let number = |place: usize| u32::try_from(place + 1).unwrap();
            let fees = fees.into_iter().enumerate().map(|(place, fee)| Fee {
                number: number(place),
                cause: fee.0,
                amount: Money::new(fee.1, currency),
                for_day: fee.2,
                charged_on: fee.2,
                invoice: fee.3.then(|| "A-1-F1".parse().unwrap()),
                end: fee.4,
                is_beside_plan: fee.3,
            });
            let mark = |(on, is_skipped)| StepMark { on, is_skipped };
            Invoice {
                id,
                kind: if flag { InvoiceKind::OutOfTurn } else { InvoiceKind::Regular },
                service_line: flag.then(|| "tax".parse().unwrap()),
                lines: lines
                    .into_iter()
                    .map(|(description, quantity, minor)| Line {
                        description,
                        quantity,
                        unit_amount: Money::new(minor, currency),
                        tax: Money::zero(currency),
                    })
                    .collect(),
                total,
                issued_on,
                due_on,
                recorded_on: issued_on,
                posting,
                allocations: shares
                    .into_iter()
                    .map(|(source, minor)| Allocation {
                        source,
                        amount: Money::new(minor, currency),
                    })
                    .collect(),
                fees: fees.collect(),
                fee_of: flag.then(|| "A-1".parse().unwrap()),
                charges: flag.then(attempt).into_iter().collect(),
                deposit: flag.then_some(Deposit::Trust),
                ending,
                dispute,
                hold,
                rests_before: flag.then_some(due_on),
                steps: steps.into_iter().map(|(step, of)| (step, mark(of))).collect(),
                reminders,
                warnings: warnings
                    .into_iter()
                    .map(|(letter, on)| Warning { letter: LetterId(letter), on })
                    .collect(),
                broken: flag.then_some(Broken { what: Arrangement::Promise, on: due_on }),
                promises,
                catch_up: catch_up.map(|last_on| CatchUp { last_on }),
                never_locks: flag,
            }
        },
    )
}

fn a_cause() -> impl Strategy<Value = FeeCause> {
    prop_oneof![
        Just(FeeCause::Hand),
        (0..9_u32).prop_map(FeeCause::Section),
        step().prop_map(FeeCause::Step),
    ]
}

fn an_end() -> impl Strategy<Value = FeeEnd> {
    prop_oneof![
        Just(FeeEnd::PassedOver),
        days().prop_map(|on| FeeEnd::TakenBack { on }),
        (days(), text()).prop_map(|(on, reason)| FeeEnd::Waived { on, reason }),
    ]
}

fn a_payment() -> impl Strategy<Value = Payment> {
    let seen =
        prop::sample::select(vec![Seen::Pending, Seen::Failed, Seen::Succeeded, Seen::Returned]);
    let method = prop::sample::select(vec![Method::Card, Method::Ach, Method::Check]);
    let facts = of((money(), method, vec(invoice_id(), 0..3), seen, days(), any::<bool>()));
    let shares = || vec((invoice_id(), money()), 0..3);
    let chargeback = prop::sample::select(vec![ChargebackState::Opened, ChargebackState::Won]);
    let more = (btree_map("r-[0-3]", money(), 0..2), btree_map("c-[0-3]", chargeback, 0..2));
    (payment_id(), facts, shares(), shares(), more, any::<bool>()).prop_map(
        |(id, facts, allocations, before_chargeback, (refunds, chargebacks), flag)| Payment {
            facts: facts.map(|(amount, method, invoices, seen, first_on, was_pending)| {
                PaymentFacts { amount, method, invoices, seen, was_pending, first_on }
            }),
            refunds: refunds.into_iter().map(|(id, money)| (id.parse().unwrap(), money)).collect(),
            chargebacks: chargebacks
                .into_iter()
                .map(|(id, state)| (id.parse().unwrap(), state))
                .collect(),
            return_seen: flag,
            allocations,
            before_chargeback,
            mismatches: if flag { vec![usd(7)] } else { Vec::new() },
            has_receipt: flag,
            ..Payment::unknown(id)
        },
    )
}

fn a_letter() -> impl Strategy<Value = Letter> {
    let part = (invoices(), of(1..3_u32)).prop_map(|(invoices, episode)| Part {
        kind: DebtKind::Notice,
        invoices,
        episode,
        text: None,
    });
    let content = prop_oneof![
        vec(part, 1..3).prop_map(|parts| Content::Debt { parts }),
        Just(Content::WelcomeBack),
        Just(Content::LineWelcomeBack { line: "tax".parse().unwrap() }),
        payment_id().prop_map(|payment| Content::Receipt { payment }),
        text().prop_map(|text| Content::Message { text }),
        (invoices(), days())
            .prop_map(|(invoices, until)| Content::PromiseConfirmation { invoices, until }),
    ];
    let state = prop_oneof![
        Just(LetterState::Queued),
        days().prop_map(|on| LetterState::Withdrawn { on }),
        (days(), invoices()).prop_map(|(on, invoices)| LetterState::Left(Sending {
            on,
            kind: LetterKind::Notice,
            invoices,
            contact: 0,
            text: Some("stern".parse().unwrap()),
            within: Some(Within { client: "c-9".parse().unwrap(), letter: LetterId(3) }),
        })),
    ];
    (1..20_u64, days(), days(), content, state).prop_map(
        |(id, queued_on, leaves_on, content, state)| Letter {
            id: LetterId(id),
            queued_on,
            leaves_on,
            content,
            state,
        },
    )
}

fn a_task() -> impl Strategy<Value = Task> {
    let about = prop_oneof![
        Just(About::ReadyForUnlock),
        Just(About::Message { messages: [MessageId(3), MessageId(9)].into() }),
        (step(), invoices()).prop_map(|(step, invoices)| About::ReviewTask { step, invoices }),
        (payment_id(), text())
            .prop_map(|(payment, evidence)| About::Mismatch { payment, evidence }),
        (step(), invoices()).prop_map(|(step, invoices)| About::CloseProposal { step, invoices }),
        (invoices(), text()).prop_map(|(invoices, wish)| About::PlanRequest { invoices, wish }),
        text().prop_map(|words| About::UnlockAsked { words }),
        (0..3_u32, 1..9_u64)
            .prop_map(|(contact, id)| About::BouncedAddress { contact, letter: LetterId(id) }),
    ];
    (1..20_u64, days(), about, any::<bool>()).prop_map(|(id, opened_on, about, is_taken)| Task {
        id: TaskId(id),
        opened_on,
        about,
        assignee: is_taken.then(|| "bea".parse().unwrap()),
    })
}

fn scope() -> impl Strategy<Value = Scope> {
    let line = |name: &str| Scope::Line(name.parse().unwrap());
    prop_oneof![Just(Scope::Client), Just(line("-")), Just(line("tax")), Just(line("audit"))]
}

fn a_lock() -> impl Strategy<Value = Lock> {
    let cause = prop_oneof![
        (1..9_u32, 1..90_u32)
            .prop_map(|(invoices, days)| LockCause::Rule(LockReason::Unpaid { invoices, days })),
        money().prop_map(|overdue| LockCause::Rule(LockReason::Balance { overdue })),
        text().prop_map(LockCause::Hand),
    ];
    (1..5_u32, days(), cause, btree_set(step(), 0..3), any::<bool>()).prop_map(
        |(episode, on, cause, steps, money_came)| Lock {
            episode,
            on,
            cause,
            policy: PolicyRef { class: "regular".parse().unwrap(), version: episode },
            steps,
            money_came,
            requests: episode - 1,
            scope: Scope::Client,
        },
    )
}

/// What one draw puts into an account.
#[derive(Debug, Clone)]
struct Facts {
    invoices: Vec<Invoice>,
    payments: Vec<Payment>,
    letters: Vec<Letter>,
    tasks: Vec<Task>,
    credits: BTreeMap<Source, Credit>,
    locks: Vec<Lock>,
    hold: Option<Hold>,
    exceptions: Vec<Exception>,
    last_unlock: Option<Unlocked>,
    plan: Option<Plan>,
    promises: Vec<Promise>,
    request: Option<UnlockRequest>,
    hard_stop: Option<HardStop>,
    responses: Vec<Response>,
    profile: Profile,
    next_evaluation: Option<Day>,
}

fn method() -> SavedMethod {
    SavedMethod {
        id: "stripe:pm-1".parse().unwrap(),
        endpoint: "e-1".to_owned(),
        customer: "cus-1".to_owned(),
        kind: Method::Card,
        label: Personal::new("Visa ending in 4242"),
        expires: Some((2030, 12)),
        saved_on: day("2026-03-02"),
        stopped_on: None,
    }
}

fn attempt() -> Attempt {
    let (method, amount, on) = (method().id, usd(9), day("2026-03-02"));
    let code = "insufficient_funds".to_owned();
    let decline = Decline { code, kind: DeclineKind::Soft, payment: None };
    Attempt { method, amount, on, outcome: ChargeOutcome::Declined(decline) }
}

/// Asked for or not, and the first attempt or a later one.
fn charge(invoice: &Invoice, request: &UnlockRequest) -> Charge {
    Charge {
        id: ChargeId { invoice: invoice.id.clone(), attempt: request.number % 2 + 1 },
        method: method().id,
        amount: usd(9),
        on: request.on,
        is_asked: request.number.is_multiple_of(3),
    }
}

fn facts() -> impl Strategy<Value = Facts> {
    let lists = (
        vec(an_invoice(), 0..8),
        vec(a_payment(), 0..4),
        vec(a_letter(), 0..5),
        vec(a_task(), 0..4),
    );
    let credit = (1..9_000_u64, days(), 1..99_u64, of(vec(invoice_id(), 0..3))).prop_map(
        |(minor, came_on, number, spreading)| Credit {
            amount: usd(minor),
            came_on,
            number,
            spreading: spreading.map(|invoices| Spreading { invoices }),
        },
    );
    let ends = prop_oneof![days().prop_map(ExceptionEnd::Until), Just(ExceptionEnd::WithPlan)];
    let exception = (days(), ends, text(), invoices(), any::<bool>()).prop_map(
        |(begun_on, ends, reason, old_debts, relocks)| Exception {
            begun_on,
            ends,
            reason,
            old_debts,
            relocks,
            scope: Scope::Client,
        },
    );
    let way = prop_oneof![
        Just(UnlockWay::Payment),
        invoices().prop_map(|despite| UnlockWay::Approved { by: "pat".parse().unwrap(), despite }),
    ];
    let unlocked = (days(), way).prop_map(|(on, way)| {
        let scope = Scope::Line("tax".parse().unwrap());
        Unlocked { on, way, scope }
    });
    let plan = (days(), invoices(), vec((days(), 1..99_u64), 1..3)).prop_map(
        |(begun_on, invoices, dues)| Plan {
            begun_on,
            invoices,
            covered: usd(100),
            instalments: dues
                .into_iter()
                .map(|(due_on, minor)| Instalment { due_on, amount: usd(minor) })
                .collect(),
            grace_days: 3,
        },
    );
    let promise = (days(), days(), invoices()).prop_map(|(made_on, until, invoices)| Promise {
        made_on,
        until,
        invoices,
    });
    let request = (days(), days(), 0..9_u32).prop_map(|(on, expires_on, number)| UnlockRequest {
        by: "bea".parse().unwrap(),
        on,
        expires_on,
        number,
        lines: (number % 2 == 0).then(|| "tax".parse().unwrap()).into_iter().collect(),
        episode: Some(number),
    });
    let stop = (days(), text()).prop_map(|(on, reason)| HardStop { on, reason });
    let response = (days(), of(payment_id())).prop_map(|(on, payment)| Response { on, payment });
    let profile = (text(), vec((text(), any::<bool>()), 0..3), any::<bool>()).prop_map(
        |(name, contacts, terms_allow_late_fee)| Profile {
            name,
            contacts: contacts
                .into_iter()
                .map(|(address, is_bounced)| Contact { address, is_bounced })
                .collect(),
            terms_allow_late_fee,
            late_fee_terms_since: terms_allow_late_fee.then(|| day("2026-03-02")),
            jurisdiction: None,
            ..profile()
        },
    );
    // At most one on each line: the keys are places.
    let scopes = || btree_set(scope(), 0..3);
    let locks = (scopes(), vec(a_lock(), 3)).prop_map(|(scopes, locks)| {
        let of = scopes.into_iter().zip(locks);
        of.map(|(scope, lock)| Lock { scope, ..lock }).collect::<Vec<_>>()
    });
    let exceptions = (scopes(), vec(exception, 3)).prop_map(|(scopes, exceptions)| {
        let of = scopes.into_iter().zip(exceptions);
        of.map(|(scope, known)| Exception { scope, ..known }).collect::<Vec<_>>()
    });
    let head = (locks, of(hold()), exceptions, of(unlocked), of(plan), vec(promise, 0..3));
    let rest = (of(request), of(stop), vec(response, 0..3), profile, of(days()));
    (lists, btree_map(source(), credit, 0..3), head, rest).prop_map(
        |((invoices, payments, letters, tasks), credits, head, rest)| {
            let (locks, hold, exceptions, last_unlock, plan, promises) = head;
            let (request, hard_stop, responses, profile, next_evaluation) = rest;
            Facts {
                invoices,
                payments,
                letters,
                tasks,
                credits,
                locks,
                hold,
                exceptions,
                last_unlock,
                plan,
                promises,
                request,
                hard_stop,
                responses,
                profile,
                next_evaluation,
            }
        },
    )
}

impl Facts {
    /// The account with these facts; what is history stays.
    fn onto(&self, account: &Account) -> Account {
        let mut after = account.clone();
        let with_id = |invoice: &Invoice| (invoice.id.clone(), invoice.clone());
        after.invoices.extend(self.invoices.iter().map(with_id));
        after
            .payments
            .extend(self.payments.iter().map(|payment| (payment.id.clone(), payment.clone())));
        after.letters.extend(self.letters.iter().map(|letter| (letter.id, letter.clone())));
        after.tasks = self.tasks.iter().map(|task| (task.id, task.clone())).collect();
        after.credits = self.credits.clone();
        after.locks = self.locks.iter().map(|lock| (lock.scope.clone(), lock.clone())).collect();
        after.episodes = self.locks.iter().map(|lock| lock.episode).max().unwrap_or(0);
        after.billed_lines = after.locks.keys().filter_map(Scope::line).cloned().collect();
        // Both come and go with what else there is: each where another part happens to be there.
        after.limit = self.exceptions.first().map(|exception| Limit {
            on: exception.begun_on,
            capabilities: BTreeSet::from([Capability::Documents, Capability::ActForm]),
            reason: LockReason::Unpaid { invoices: 2, days: 9 },
        });
        after.methods = self.plan.iter().map(|_| (method().id, method())).collect();
        after.default_method = self.plan.as_ref().map(|_| method().id);
        let charged = self.request.iter().zip(&self.invoices);
        let charged =
            charged.map(|(request, invoice)| (invoice.id.clone(), charge(invoice, request)));
        after.charges = charged.collect();
        after.closed = self.hard_stop.as_ref().map(|stop| Closed {
            on: stop.on,
            by: "pat".parse().unwrap(),
            erased: None,
            put_off: None,
        });
        after.hold = self.hold.clone();
        let of_scope = |known: &Exception| (known.scope.clone(), known.clone());
        after.exceptions = self.exceptions.iter().map(of_scope).collect();
        after.last_unlock = self.last_unlock.clone();
        after.plan = self.plan.clone();
        after.promises = self.promises.clone();
        after.request = self.request.clone();
        after.hard_stop = self.hard_stop.clone();
        after.responses = self.responses.clone();
        after.profile = self.profile.clone();
        after.next_number += 7;
        after
    }

    fn needs(&self) -> Needs {
        Needs {
            invoices: self.invoices.iter().map(|invoice| invoice.id.clone()).collect(),
            payments: self.payments.iter().map(|payment| payment.id.clone()).collect(),
            letters: self.letters.iter().map(|letter| letter.id).collect(),
            credit_notes: BTreeSet::new(),
        }
    }
}

async fn write_and_read(store: &Store, states: &[Facts]) {
    let client = acme();
    let mut loaded = store.begin(client.clone(), profile());
    for facts in states {
        assert!(store.look_up(&mut loaded, &facts.needs()).await.unwrap());
        let after = facts.onto(&loaded.account);
        let events = [Event::ProfileChanged(facts.profile.clone())];
        let derived = derived(facts.next_evaluation);
        let commit = store.commit(&loaded, &after, &events, &meta("test"), &derived).await.unwrap();
        assert!(matches!(commit, Commit::Done(_)), "{commit:?}");
        loaded = store.load(&client).await.unwrap().unwrap();
        assert_eq!(loaded.account, open_part(&after));
        assert_eq!(loaded.next_evaluation(), facts.next_evaluation);
        // What was looked up comes back too, wherever it is now.
        let mut again = loaded.clone();
        assert!(store.look_up(&mut again, &facts.needs()).await.unwrap());
        for invoice in &facts.invoices {
            assert_eq!(again.account.invoices.get(&invoice.id), after.invoices.get(&invoice.id));
        }
        for payment in &facts.payments {
            assert_eq!(again.account.payments.get(&payment.id), after.payments.get(&payment.id));
        }
        for letter in &facts.letters {
            assert_eq!(again.account.letters.get(&letter.id), after.letters.get(&letter.id));
        }
        // The same again changes nothing.
        let commit =
            store.commit(&loaded, &loaded.account, &[], &meta("test"), &derived).await.unwrap();
        assert_eq!(commit, Commit::Nothing);
    }
    let records = states.len() as u64;
    assert_eq!(store.verify(&client).await.unwrap(), Verdict::Whole { records });
}

/// Each case has a firm of its own on one table.
fn run(name: &'static str, dynamo: Dynamo, runtime: &tokio::runtime::Runtime, cases: u32) {
    static FIRMS: OnceLock<std::sync::atomic::AtomicU32> = OnceLock::new();
    let firms = FIRMS.get_or_init(Default::default);
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) };
    proptest!(config, |(states in vec(facts(), 1..4))| {
        let number = firms.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let firm = format!("{name}-{number}").parse().unwrap();
        let store = Store::new(dynamo.clone(), firm);
        runtime.block_on(write_and_read(&store, &states));
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[test]
fn an_account_of_any_shape_comes_back_as_it_was_written() {
    let runtime = runtime();
    let dynamo = runtime.block_on(embedded());
    run("embedded", dynamo, &runtime, 96);
}

#[test]
fn an_account_of_any_shape_comes_back_as_it_was_written_on_ministack() {
    let runtime = runtime();
    if let Some(dynamo) = runtime.block_on(second()) {
        run("second", dynamo, &runtime, 16);
    }
}
