//! Any sequence of commands on the table ends as it does in memory, where all history is at hand: what a
//! command needs is looked up, what changed is written, nothing else moves.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "../../store/tests/common/mod.rs"]
mod common;
mod office;

use std::sync::atomic::{AtomicU32, Ordering};

use common::{acme, day, embedded, open_part, profile, usd};
use domain::account::{Account, LookedUp};
use domain::apply::fold;
use domain::calendar::{Day, plus};
use domain::command::{Command, DisputeOutcome, News};
use domain::decide::{Context, decide};
use domain::event::Event;
use domain::id::{ClientId, InvoiceId};
use domain::numbering::Numbers;
use domain::payment::{ChargebackState, Method, Seen};
use domain::text::Personal;
use office::*;
use proptest::prelude::*;
use services::execute::{Caller, ExecuteError, execute};
use services::firm::Firm;
use store::Verdict;

#[derive(Debug, Clone)]
enum Act {
    Issue { number: u8, minor: u64 },
    Pay { id: u8, minor: u64, invoice: Option<u8>, seen: Seen, method: Method },
    Refund { payment: u8, id: u8, minor: u64 },
    Chargeback { payment: u8, state: ChargebackState },
    Return { payment: u8 },
    Credit { id: u8, minor: u64, invoice: Option<u8> },
    Void { number: u8 },
    WriteOff { number: u8 },
    Dispute { number: u8 },
    Resolve { number: u8, outcome: DisputeOutcome },
    Promise { number: Option<u8>, days: u32 },
    Hold { number: Option<u8>, days: Option<u32> },
    Release { number: Option<u8> },
    Lock,
    Ask,
    Approve,
    Exception { days: u32 },
    Claim,
    Wait { days: u32 },
}

fn acts() -> impl Strategy<Value = Act> {
    let number = || 0..6_u8;
    let minor = || prop::sample::select(vec![1_u64, 500, 1_000, 2_500, 9_000]);
    let maybe = || prop::option::of(0..6_u8);
    let seen =
        prop::sample::select(vec![Seen::Pending, Seen::Succeeded, Seen::Succeeded, Seen::Failed]);
    let method = prop::sample::select(vec![Method::Card, Method::Ach]);
    let state = prop::sample::select(vec![
        ChargebackState::Opened,
        ChargebackState::Lost,
        ChargebackState::Won,
    ]);
    let outcome = prop::sample::select(vec![DisputeOutcome::Rejected, DisputeOutcome::Upheld]);
    prop_oneof![
        5 => (number(), minor()).prop_map(|(number, minor)| Act::Issue { number, minor }),
        5 => (0..4_u8, minor(), maybe(), seen, method)
            .prop_map(|(id, minor, invoice, seen, method)| Act::Pay { id, minor, invoice, seen, method }),
        1 => (0..4_u8, 0..2_u8, minor()).prop_map(|(payment, id, minor)| Act::Refund { payment, id, minor }),
        1 => (0..4_u8, state).prop_map(|(payment, state)| Act::Chargeback { payment, state }),
        1 => (0..4_u8).prop_map(|payment| Act::Return { payment }),
        2 => (0..3_u8, minor(), maybe()).prop_map(|(id, minor, invoice)| Act::Credit { id, minor, invoice }),
        1 => number().prop_map(|number| Act::Void { number }),
        1 => number().prop_map(|number| Act::WriteOff { number }),
        1 => number().prop_map(|number| Act::Dispute { number }),
        1 => (number(), outcome).prop_map(|(number, outcome)| Act::Resolve { number, outcome }),
        1 => (maybe(), 1..20_u32).prop_map(|(number, days)| Act::Promise { number, days }),
        1 => (maybe(), prop::option::of(1..20_u32)).prop_map(|(number, days)| Act::Hold { number, days }),
        1 => maybe().prop_map(|number| Act::Release { number }),
        1 => Just(Act::Lock),
        1 => Just(Act::Ask),
        1 => Just(Act::Approve),
        1 => (1..20_u32).prop_map(|days| Act::Exception { days }),
        3 => Just(Act::Claim),
        6 => (0..40_u32).prop_map(|days| Act::Wait { days }),
    ]
}

/// Numbers are unique in the firm, so each client has its own.
fn invoice(client: &ClientId, number: u8) -> InvoiceId {
    format!("{client}/{number}").parse().unwrap()
}

impl Act {
    /// Who does what; nothing: only time passes.
    fn command(&self, account: &Account, day: Day) -> (Command, Caller) {
        let client = &account.client;
        let id = |number: u8| invoice(client, number);
        let reason = Personal::new("because");
        let news = |payment: u8, news| {
            let payment = format!("stripe:{client}-{payment}").parse().unwrap();
            (Command::RecordPayment { payment, news }, gateway())
        };
        match self.clone() {
            Self::Issue { number, minor } => (issue(id(number).as_str(), minor), bea()),
            Self::Pay { id: payment, minor, invoice, seen, method } => {
                let invoices = invoice.map(id).into_iter().collect();
                news(payment, News::Told { amount: usd(minor), method, invoices, seen, on: None })
            }
            Self::Refund { payment, id, minor } => {
                let id = format!("re-{payment}-{id}").parse().unwrap();
                news(payment, News::Refunded { id, amount: Some(usd(minor)) })
            }
            Self::Chargeback { payment, state } => news(
                payment,
                News::Chargeback { id: format!("dp-{payment}").parse().unwrap(), state },
            ),
            Self::Return { payment } => news(payment, News::Returned),
            Self::Credit { id: note, minor, invoice } => {
                let note = format!("{client}/CN-{note}").parse().unwrap();
                (
                    Command::IssueCreditNote {
                        id: note,
                        amount: usd(minor),
                        invoice: invoice.map(id),
                    },
                    bea(),
                )
            }
            Self::Void { number } => (Command::VoidInvoice { invoice: id(number), reason }, bea()),
            Self::WriteOff { number } => (Command::WriteOff { invoice: id(number), reason }, pat()),
            Self::Dispute { number } => {
                (Command::OpenDispute { invoice: id(number), amount: None, reason }, bea())
            }
            Self::Resolve { number, outcome } => {
                (Command::ResolveDispute { invoice: id(number), outcome }, pat())
            }
            Self::Promise { number, days } => {
                (Command::MakePromise { invoice: number.map(id), until: plus(day, days) }, bea())
            }
            Self::Hold { number, days } => {
                let until = days.map(|days| plus(day, days));
                (Command::PlaceHold { invoice: number.map(id), until, reason }, bea())
            }
            Self::Release { number } => (Command::ReleaseHold { invoice: number.map(id) }, bea()),
            Self::Lock => (Command::Lock { reason, lines: [].into() }, bea()),
            Self::Ask => (Command::RequestUnlock { lines: [].into() }, bea()),
            Self::Approve => (Command::ApproveUnlock { lines: [].into() }, pat()),
            Self::Exception { days } => (
                Command::ExceptionUnlock { reason, until: Some(plus(day, days)), lines: [].into() },
                pat(),
            ),
            Self::Claim => match account.letters.keys().next_back() {
                Some(letter) => (Command::ClaimLetter { letter: *letter }, schedule()),
                None => (Command::Evaluate, schedule()),
            },
            Self::Wait { .. } => (Command::Evaluate, schedule()),
        }
    }
}

/// The same commands in memory.
async fn in_memory(
    firm: &Firm,
    model: &mut Account,
    command: &Command,
    caller: &Caller,
    day: Day,
) -> Result<Vec<Event>, String> {
    let policy = firm.policy(&model.profile.class, day, noon(&day.to_string())).await.unwrap();
    let numbers = Numbers::default();
    let (actor, policy) = (&caller.actor, &*policy);
    let latitude = Default::default();
    let (episodes, ledger, law) = (&[][..], None, None);
    let context = Context { day, actor, policy, episodes, numbers, ledger, latitude, law };
    let events = decide(model, command, &context).map_err(|refusal| refusal.to_string())?;
    *model = fold(model.clone(), &events);
    Ok(events)
}

async fn alike(firm: &Firm, client: &ClientId, acts: &[Act]) {
    let mut today = day("2026-03-02");
    open(firm, client, "2026-03-02").await;
    let mut model = Account::new(firm.id().clone(), client.clone(), profile());
    model.looked_up = LookedUp { everything: true, ..LookedUp::default() };
    let mut records = 1;
    for act in acts {
        if let Act::Wait { days } = act {
            today = plus(today, *days);
        }
        let (command, caller) = act.command(&model, today);
        let expected = in_memory(firm, &mut model, &command, &caller, today).await;
        let found = execute(firm, client, &command, &caller, noon(&today.to_string())).await;
        let found = match found {
            Ok(executed) => Ok(executed.events),
            Err(ExecuteError::Refused(refusal)) => Err(refusal.to_string()),
            Err(error) => panic!("{act:?}: {error:?}"),
        };
        assert_eq!(found, expected, "{act:?} on {today}");
        records += u64::from(expected.is_ok_and(|events| !events.is_empty()));
        let stored = firm.store().load(client).await.unwrap().unwrap();
        assert_eq!(stored.account, open_part(&model), "after {act:?} on {today}");
    }
    assert_eq!(firm.store().verify(client).await.unwrap(), Verdict::Whole { records });
}

#[test]
fn aud_1_any_commands_end_on_the_table_as_they_do_in_memory() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.unwrap();
    let firm = runtime.block_on(async { firm(&embedded().await).await });
    let clients = AtomicU32::new(0);
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) };
    proptest!(config, |(acts in prop::collection::vec(acts(), 1..24))| {
        let number = clients.fetch_add(1, Ordering::Relaxed);
        let client = format!("{}-{number}", acme()).parse().unwrap();
        runtime.block_on(alike(&firm, &client, &acts));
    });
}
