use std::collections::BTreeSet;

use domain::calendar::{Day, parse_day};
use domain::command::DisputeOutcome;
use domain::decide::next_evaluation;
use domain::money::Currency;
use domain::numbering::Numbers;
use domain::payment::{ChargebackState, Payment};
use domain::policy::{Policy, PolicyVersion};
use domain::refusal::RefusalKind;
use domain::role::{Actor, Role};

use super::*;
use crate::import::mapping::Mapping;
use crate::import::read::read;

fn day(text: &str) -> Day {
    parse_day(text).unwrap()
}

fn policy() -> PolicyVersion {
    PolicyVersion::first("default".parse().unwrap(), Policy::default())
}

fn assumed() -> Assumed {
    let class: domain::id::ClassId = "default".parse().unwrap();
    let classes = BTreeSet::from([class.clone(), "vip".parse().unwrap()]);
    Assumed { today: day("2026-10-01"), currency: Currency::USD, class, classes }
}

/// A client under import, on 1 October 2026.
struct Desk {
    account: Account,
    is_new: bool,
    taken: BTreeMap<InvoiceId, ClientId>,
    policy: PolicyVersion,
}

const HEADER: &str = "invoice,issued,due,amount,paid,paid_on,disputed,client,currency,kind,service_line,client_name,contact_email,class,deposit";

/// Rows of the client acme; cells that are left out at the end are empty.
fn rows(lines: &[&str]) -> Vec<Row> {
    let columns = HEADER.split(',').count();
    let line = |line: &&str| {
        let mut cells: Vec<_> = line.split(',').collect();
        cells.resize(columns, "");
        if cells[7].is_empty() {
            cells[7] = "acme";
        }
        cells.join(",")
    };
    let lines: Vec<_> = lines.iter().map(line).collect();
    let file = format!("{HEADER}\n{}\n", lines.join("\n"));
    let ledger = read(file.as_bytes(), &Mapping::default(), &assumed()).unwrap();
    assert_eq!(ledger.faults, []);
    ledger.rows
}

impl Desk {
    fn new() -> Self {
        let client = "acme".parse().unwrap();
        let profile = profile(&client, &[], &assumed());
        let mut account = Account::new("f-1".parse().unwrap(), client, profile);
        account.looked_up.everything = true;
        Self { account, is_new: true, taken: BTreeMap::new(), policy: policy() }
    }

    fn context<'a>(&'a self, actor: &'a Actor) -> Context<'a> {
        let numbers = Numbers::default();
        let (day, policy) = (assumed().today, &self.policy);
        Context {
            day,
            actor,
            policy,
            episodes: &[],
            numbers,
            ledger: None,
            latitude: Default::default(),
            law: None,
        }
    }

    fn planned(&self, lines: &[&str]) -> Planned {
        let actor = Actor::Import;
        let books = Books {
            account: &self.account,
            is_new: self.is_new,
            taken: &self.taken,
            context: self.context(&actor),
        };
        plan(&books, &rows(lines)).unwrap()
    }

    /// Imports these rows: what became of each, and what was decided.
    fn import(&mut self, lines: &[&str]) -> (Vec<String>, Vec<Event>) {
        let Planned { events, account, rows } = self.planned(lines);
        let folded = domain::apply::fold(self.account.clone(), &events);
        assert_eq!(folded, account, "the fold of the events is the account");
        self.account = account;
        self.is_new = false;
        assert!(self.account.letters.is_empty(), "an import sends nothing");
        assert!(!self.account.is_locked() && self.account.tasks.is_empty());
        (rows.iter().map(told).collect(), events)
    }

    fn act(&mut self, command: &Command) {
        let roles = BTreeSet::from([Role::Partner, Role::BillingLead]);
        let actor = Actor::Staff { id: "pat".parse().unwrap(), roles };
        for event in decide(&self.account, command, &self.context(&actor)).unwrap() {
            apply(&mut self.account, &event);
        }
    }

    fn pay(&mut self, id: &str, amount: u64, seen: Seen) {
        let news = News::Told {
            amount: Money::new(amount, Currency::USD),
            method: Method::Ach,
            invoices: vec!["A-1".parse().unwrap()],
            seen,
            on: None,
        };
        self.act(&Command::RecordPayment { payment: id.parse().unwrap(), news });
    }

    fn balance(&self, invoice: &str) -> String {
        self.account.invoices[&invoice.parse::<InvoiceId>().unwrap()].balance().to_string()
    }
}

/// `created, paid 40.00 USD`; `conflict: amount 100.00 here, 90.00 there`.
fn told(row: &RowReport) -> String {
    let mut text = row.outcome.as_str().to_owned();
    if let Some(payment) = row.payment {
        text.push_str(&format!(", paid {payment}"));
    }
    for Difference { field, ours, theirs } in &row.differences {
        text.push_str(&format!("; {field}: ours {ours}, theirs {theirs}"));
    }
    if let Outcome::Refused(refusal) = &row.outcome {
        text.push_str(&format!(": {refusal}"));
    }
    text
}

#[test]
fn a_new_client_is_opened_with_what_its_rows_say() {
    let rows = rows(&[
        "A-1,2026-09-01,,100,,,,,,,,Acme,ann@acme.example",
        "A-2,2026-09-01,,100,,,,,,,,,bea@acme.example,vip",
        "A-3,2026-09-01,,100,,,,,,,,\"Acme Inc.\",ANN@acme.example",
        "A-4,2026-09-01,,100",
    ]);
    let client = "acme".parse().unwrap();
    let profile = profile(&client, &rows, &assumed());
    assert_eq!(profile.name.as_str(), "Acme Inc.", "the newest name");
    assert_eq!(profile.class.as_str(), "vip");
    let addresses: Vec<_> = profile.contacts.iter().map(|c| c.address.as_str()).collect();
    assert_eq!(addresses, ["ann@acme.example", "bea@acme.example"]);
    let bare = super::profile(&client, &[], &assumed());
    assert_eq!((bare.name.as_str(), bare.class.as_str()), ("acme", "default"));
    assert!(bare.contacts.is_empty());
}

#[test]
fn lock_10_an_import_fires_nothing_and_its_debts_meet_the_next_run() {
    let mut desk = Desk::new();
    let (told, events) = desk.import(&["A-1,2025-01-01,,100,40,2025-02-01", "A-2,2026-01-01,,50"]);
    assert_eq!(told, ["created, paid 40.00 USD", "created"]);
    assert_eq!(events.len(), 4, "opened, issued, paid, issued: {events:?}");
    let actor = Actor::Schedule;
    let next = next_evaluation(&desk.account, &desk.context(&actor));
    assert_eq!(next, Some(day("2026-10-02")), "years overdue, and first met tomorrow");
}

#[test]
fn rows_become_invoices_payments_and_disputes() {
    for (row, expected, balance, closed) in [
        ("A-1,2026-09-01,,100", "created", "100.00 USD", false),
        ("A-1,2026-09-01,,100,0", "created", "100.00 USD", false),
        ("A-1,2026-09-01,,100,40", "created, paid 40.00 USD", "60.00 USD", false),
        ("A-1,2026-09-01,,100,,2026-09-09", "created, paid 100.00 USD", "0.00 USD", true),
        ("A-1,2026-09-01,,100,,2026-08-09", "created, paid 100.00 USD", "0.00 USD", true),
        ("A-1,2026-09-01,,0,,2026-09-09", "created", "0.00 USD", true),
        ("A-1,2026-11-01,,100,100,2026-09-09", "created, paid 100.00 USD", "0.00 USD", true),
        ("A-1,2026-09-01,,100,40,,yes", "created, paid 40.00 USD", "60.00 USD", false),
        ("A-1,2026-09-01,,100,100,,yes", "created, paid 100.00 USD", "0.00 USD", true),
    ] {
        let mut desk = Desk::new();
        let (told, _) = desk.import(&[row]);
        assert_eq!(told, [expected], "for {row}");
        assert_eq!(desk.balance("A-1"), balance, "for {row}");
        let invoice = &desk.account.invoices[&"A-1".parse::<InvoiceId>().unwrap()];
        assert_eq!(invoice.is_open(), !closed, "for {row}");
        let is_disputed = row.ends_with("yes") && !closed;
        assert_eq!(invoice.dispute.is_some(), is_disputed, "for {row}");
        assert_eq!(invoice.collectable().is_zero(), is_disputed || closed, "for {row}");
        assert_eq!(desk.import(&[row]), (vec!["unchanged".to_owned()], vec![]), "again: {row}");
    }
    let mut desk = Desk::new();
    desk.import(&["A-1,2026-09-01,,100,40,2026-09-09", "A-2,2026-09-01,,100,,,,,,out_of_turn,tax"]);
    let payment: &Payment =
        &desk.account.payments[&"import:A-1:4000".parse::<PaymentId>().unwrap()];
    let facts = payment.facts.as_ref().unwrap();
    assert_eq!((facts.first_on, facts.method), (day("2026-09-09"), Method::Check));
    let invoice = &desk.account.invoices[&"A-2".parse::<InvoiceId>().unwrap()];
    assert_eq!(invoice.kind, InvoiceKind::OutOfTurn);
    assert_eq!(invoice.due_on, day("2026-09-07"), "terms of its kind");
    assert_eq!(
        (invoice.service_line.as_ref(), invoice.deposit),
        (Some(&"tax".parse().unwrap()), None)
    );
}

#[test]
fn a_row_says_which_deposit_account_its_money_goes_to() {
    use domain::invoice::Deposit;
    const TRUST: &str = "A-1,2026-09-01,,100,,,,,,,,,,,trust";
    for (row, expected) in [
        (TRUST, "unchanged"),
        ("A-1,2026-09-01,,100", "unchanged"),
        (
            "A-1,2026-09-01,,100,,,,,,,,,,,operating",
            "conflict; deposit: ours trust, theirs operating",
        ),
    ] {
        let mut desk = Desk::new();
        desk.import(&[TRUST]);
        let invoice = &desk.account.invoices[&"A-1".parse::<InvoiceId>().unwrap()];
        assert_eq!(invoice.deposit, Some(Deposit::Trust));
        assert_eq!(desk.import(&[row]), (vec![expected.to_owned()], vec![]), "for {row}");
    }
}

/// The client as it is after the first import; then the same row as another day's file has it.
#[test]
fn a_known_invoice_takes_a_larger_payment_and_nothing_else() {
    const FIRST: &str = "A-1,2026-09-01,2026-09-30,100,40,2026-09-09,no,,USD,regular,tax";
    for (row, expected, balance) in [
        (FIRST, "unchanged", "60.00 USD"),
        ("A-1,9/1/2026,,100.00,40.00", "unchanged", "60.00 USD"),
        // A later day of the same money is no news.
        ("A-1,2026-09-01,,100,40,2026-09-20", "unchanged", "60.00 USD"),
        ("A-1,2026-09-01,,100,70,2026-09-20", "paid, paid 30.00 USD", "30.00 USD"),
        ("A-1,2026-09-01,,100,,2026-09-20", "paid, paid 60.00 USD", "0.00 USD"),
        ("A-1,2026-09-01,,100,30", "conflict; paid: ours 40.00, theirs 30.00", "60.00 USD"),
        ("A-1,2026-09-01,,100", "conflict; paid: ours 40.00, theirs 0.00", "60.00 USD"),
        ("A-1,2026-09-01,,90,90", "conflict; amount: ours 100.00, theirs 90.00", "60.00 USD"),
        ("A-1,2026-09-01,,110,50", "conflict; amount: ours 100.00, theirs 110.00", "60.00 USD"),
        ("A-1,2026-09-01,,100,100,,,,EUR", "conflict; currency: ours USD, theirs EUR", "60.00 USD"),
        (
            "A-1,2026-09-02,2026-10-02,100,40",
            "conflict; issued: ours 2026-09-01, theirs 2026-09-02; due: ours 2026-09-30, theirs 2026-10-02",
            "60.00 USD",
        ),
        (
            "A-1,2026-09-01,,100,40,,yes,,,out_of_turn,audit",
            "conflict; kind: ours regular, theirs out_of_turn; service_line: ours tax, theirs audit; disputed: ours no, theirs yes",
            "60.00 USD",
        ),
        // Money that came counts, whatever else is said.
        (
            "A-1,2026-09-01,2026-10-02,100,70",
            "paid, paid 30.00 USD; due: ours 2026-09-30, theirs 2026-10-02",
            "30.00 USD",
        ),
    ] {
        let mut desk = Desk::new();
        desk.import(&[FIRST]);
        let (told, events) = desk.import(&[row]);
        assert_eq!(
            (told.as_slice(), desk.balance("A-1").as_str()),
            (&[expected.to_owned()][..], balance)
        );
        let is_payment = expected.starts_with("paid");
        assert_eq!(events.len(), usize::from(is_payment), "for {row}: {events:?}");
        let (again, events) = desk.import(&[row]);
        assert_eq!(events, [], "for {row}");
        assert!(!again[0].starts_with("paid"), "for {row}: {again:?}");
    }
}

/// The other ledger knows nothing of our late fees: neither they nor what was paid of them is a conflict.
#[test]
fn lf_1_a_late_fee_is_no_conflict() {
    const ROW: &str = "A-1,2026-09-01,2026-09-30,100,40,2026-09-09";
    let usd = |minor| Money::new(minor, Currency::USD);
    for (paid, row, expected, balance) in [
        (0, ROW, "unchanged", "65.00 USD"),
        (6_000, "A-1,2026-09-01,,100,100", "unchanged", "5.00 USD"),
        (6_500, "A-1,2026-09-01,,100,100", "unchanged", "0.00 USD"),
        (0, "A-1,2026-09-01,,100,100", "paid, paid 60.00 USD", "5.00 USD"),
        (0, "A-1,2026-09-01,,105,40", "conflict; amount: ours 100.00, theirs 105.00", "65.00 USD"),
    ] {
        let mut desk = Desk::new();
        desk.import(&[ROW]);
        let invoice: InvoiceId = "A-1".parse().unwrap();
        desk.act(&Command::AddFee { invoice: invoice.clone(), amount: usd(500) });
        if 0 < paid {
            let news = News::Told {
                amount: usd(paid),
                method: Method::Check,
                invoices: vec![invoice],
                seen: Seen::Succeeded,
                on: None,
            };
            desk.act(&Command::RecordPayment { payment: "c-1".parse().unwrap(), news });
        }
        desk.account.letters.clear();
        desk.account.tasks.clear();
        let (told, _) = desk.import(&[row]);
        assert_eq!(
            (told.as_slice(), desk.balance("A-1").as_str()),
            (&[expected.to_owned()][..], balance),
            "for {row} with {paid} paid"
        );
    }
}

#[test]
fn a_file_without_a_column_for_payments_says_nothing_of_them() {
    let mut desk = Desk::new();
    desk.import(&["A-1,2026-09-01,,100,40"]);
    let file = b"client,invoice,issued,amount\nacme,A-1,2026-09-01,100\n";
    let rows = read(file, &Mapping::default(), &assumed()).unwrap().rows;
    let actor = Actor::Import;
    let books = Books {
        account: &desk.account,
        is_new: false,
        taken: &desk.taken,
        context: desk.context(&actor),
    };
    assert_eq!(plan(&books, &rows).unwrap().rows[0].outcome, Outcome::Unchanged);
}

#[test]
fn pay_5_what_was_taken_back_here_does_not_come_back_with_the_file() {
    // All of it was imported, and the check bounced.
    let mut desk = Desk::new();
    let row = "A-1,2026-09-01,,100,100,2026-09-09";
    desk.import(&[row]);
    let payment: PaymentId = "import:A-1:10000".parse().unwrap();
    let id = "r-1".parse().unwrap();
    desk.act(&Command::RecordPayment { payment, news: News::Refunded { id, amount: None } });
    let (told, events) = desk.import(&[row]);
    assert_eq!(told, ["conflict; paid: ours 0.00, some was taken back, theirs 100.00"]);
    assert_eq!(events, []);

    // Some was paid here, the rest imported; then the bank took back the former.
    let mut desk = Desk::new();
    desk.import(&["A-1,2026-09-01,,100"]);
    desk.pay("stripe:pi_1", 3_000, Seen::Succeeded);
    let (told, _) = desk.import(&[row]);
    assert_eq!(told, ["paid, paid 70.00 USD"]);
    let state = ChargebackState::Opened;
    let news = News::Chargeback { id: "cb-1".parse().unwrap(), state };
    desk.act(&Command::RecordPayment { payment: "stripe:pi_1".parse().unwrap(), news });
    let (told, events) = desk.import(&[row]);
    assert_eq!(told, ["conflict; paid: ours 70.00, some was taken back, theirs 100.00"]);
    assert_eq!(events, [], "no mismatch of the import with itself");
}

#[test]
fn chg_3_a_debit_on_its_way_is_not_paid_twice() {
    let mut desk = Desk::new();
    desk.import(&["A-1,2026-09-01,,100"]);
    desk.pay("stripe:pi_1", 10_000, Seen::Pending);
    let (told, events) = desk.import(&["A-1,2026-09-01,,100,100"]);
    assert_eq!(told, ["conflict; paid: ours 0.00, and 100.00 on its way, theirs 100.00"]);
    assert_eq!(events, []);
    desk.pay("stripe:pi_1", 10_000, Seen::Succeeded);
    let (told, _) = desk.import(&["A-1,2026-09-01,,100,100"]);
    assert_eq!(told, ["unchanged"]);
}

#[test]
fn dis_1_a_dispute_that_ended_here_is_not_opened_again() {
    let mut desk = Desk::new();
    let row = "A-1,2026-09-01,,100,,,yes";
    desk.import(&[row]);
    let invoice: InvoiceId = "A-1".parse().unwrap();
    let outcome = DisputeOutcome::Rejected;
    desk.act(&Command::ResolveDispute { invoice: invoice.clone(), outcome });
    let (told, events) = desk.import(&[row]);
    assert_eq!(
        (told, events),
        (vec!["conflict; disputed: ours no, theirs yes".to_owned()], vec![])
    );
    // One that began here is not ended by a file that doesn't know of it.
    let (amount, reason) = (None, Personal::new("never ordered"));
    desk.act(&Command::OpenDispute { invoice, amount, reason });
    let (told, _) = desk.import(&["A-1,2026-09-01,,100"]);
    assert_eq!(told, ["unchanged"], "an empty cell says nothing");
    let (told, _) = desk.import(&["A-1,2026-09-01,,100,,,no"]);
    assert_eq!(told, ["conflict; disputed: ours yes, theirs no"]);
    // What settles it is money.
    let (told, _) = desk.import(&["A-1,2026-09-01,,100,100,,yes"]);
    assert_eq!(told, ["paid, paid 100.00 USD"]);
}

#[test]
fn inv_6_what_was_voided_or_given_up_here_is_left_alone() {
    for (command, paid, ours, theirs) in [
        ("void", "", "void", "open"),
        ("void", "100", "void", "paid"),
        ("write off", "40", "written_off", "open"),
    ] {
        let mut desk = Desk::new();
        desk.import(&["A-1,2026-09-01,,100"]);
        let (invoice, reason) = ("A-1".parse().unwrap(), Personal::new("a mistake"));
        desk.act(&match command {
            "void" => Command::VoidInvoice { invoice, reason },
            _ => Command::WriteOff { invoice, reason },
        });
        let (told, events) = desk.import(&[&format!("A-1,2026-09-01,,100,{paid}")]);
        assert_eq!(told, [format!("conflict; status: ours {ours}, theirs {theirs}")]);
        assert_eq!(events, []);
    }
}

#[test]
fn pay_4_credit_that_a_new_invoice_takes_is_not_paid_again() {
    let mut desk = Desk::new();
    desk.import(&["A-1,2026-09-01,,100"]);
    desk.pay("staff:check 7", 13_000, Seen::Succeeded);
    let (told, _) = desk.import(&["A-2,2026-09-15,,100,100,2026-09-20"]);
    assert_eq!(told, ["created, paid 70.00 USD"], "30.00 of it was credit");
    assert_eq!(desk.balance("A-2"), "0.00 USD");
    assert_eq!(desk.account.credit(Currency::USD), Money::zero(Currency::USD));
}

#[test]
fn inv_7_a_number_of_another_client_is_a_conflict() {
    let mut desk = Desk::new();
    desk.taken.insert("A-1".parse().unwrap(), "bigco".parse().unwrap());
    assert_eq!(desk.planned(&["A-1,2026-09-01,,100"]).events, [], "no client for nothing");
    let (told, _) = desk.import(&["A-1,2026-09-01,,100", "A-2,2026-09-01,,100"]);
    assert_eq!(told, ["conflict; client: ours bigco, theirs acme", "created"]);
}

#[test]
fn a_row_that_the_rules_refuse_leaves_nothing_behind() {
    let mut desk = Desk::new();
    let lines: Vec<_> = (0..domain::account::MAX_OPEN_INVOICES)
        .map(|number| format!("A-{number},2026-09-01,,100"))
        .collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    // One by one through `decide` they would take minutes; here they are put in as they would be.
    desk.import(&lines[..1]);
    let invoice = desk.account.invoices.values().next().unwrap().clone();
    for line in &lines[1..] {
        let id: InvoiceId = line.split(',').next().unwrap().parse().unwrap();
        desk.account.invoices.insert(id.clone(), Invoice { id, ..invoice.clone() });
    }
    let planned = desk.planned(&["B-1,2026-09-01,,100,40", "A-1,2026-09-01,,100"]);
    let Outcome::Refused(refusal) = &planned.rows[0].outcome else { panic!("{:?}", planned.rows) };
    assert_eq!((refusal.kind, refusal.rule), (RefusalKind::Conflict, "INV-7"));
    assert_eq!(planned.rows[1].outcome, Outcome::Unchanged);
    assert_eq!((planned.events.len(), planned.account == desk.account), (0, true));
}

#[test]
fn a_known_clients_profile_is_compared_and_left_alone() {
    let rows = rows(&[
        "A-1,2026-09-01,,100,,,,,,,,Acme,ann@acme.example,default",
        "A-2,2026-09-01,,100,,,,,,,,\"Acme Inc.\",BEA@acme.example",
        "A-3,2026-09-01,,100,,,,,,,,,cy@acme.example",
        "A-4,2026-09-01,,100,,,,,,,,,cy@acme.example",
    ]);
    let client = "acme".parse().unwrap();
    let same = profile(&client, &rows, &assumed());
    assert_eq!(profile_differences(&same, &rows), []);
    let mut ours = profile(&client, &rows[..1], &assumed());
    ours.class = "vip".parse().unwrap();
    ours.contacts.push(Contact { address: Personal::new("bea@acme.example"), is_bounced: true });
    let told: Vec<_> = profile_differences(&ours, &rows)
        .into_iter()
        .map(|(line, difference)| format!("{line}: {difference}"))
        .collect();
    assert_eq!(
        told,
        [
            "3: client_name is \"Acme\" here and \"Acme Inc.\" in the file",
            "2: class is \"vip\" here and \"default\" in the file",
            "4: contact_email is \"ann@acme.example, bea@acme.example\" here and \"cy@acme.example\" in the file",
        ]
    );
}

#[test]
fn what_is_not_known_is_asked_for() {
    let mut desk = Desk::new();
    desk.account.looked_up.everything = false;
    let actor = Actor::Import;
    let books = Books {
        account: &desk.account,
        is_new: false,
        taken: &desk.taken,
        context: desk.context(&actor),
    };
    let missing =
        plan(&books, &rows(&["A-1,2026-09-01,,100,40", "A-2,2026-09-01,,100"])).unwrap_err();
    assert_eq!(missing.invoices.len(), 2);
    let payments: Vec<_> = missing.payments.iter().map(PaymentId::as_str).collect();
    assert_eq!(payments, ["import:A-1:4000"]);
}
