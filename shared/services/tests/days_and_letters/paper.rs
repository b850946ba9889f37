//! A demand letter on paper: attached where the firm wants it, made anew as it was, and of demands alone (LET-7).

use domain::command::Command;
use domain::letter::{LetterId, LetterKind};
use mail_parser::{MessageParser, MimeHeaders};
use services::correspondence::Outcome;
use services::execute::Caller;
use services::firm::Firm;
use services::office::settings::change;
use services::papers::letter::{LetterError, OnPaper, sent};
use store::FirmSettings;

use crate::desk::{Desk, at};
use crate::letters::{locked, noticed};

async fn set(desk: &Desk, with: impl Fn(&mut FirmSettings)) {
    let firm = desk.open("f-1").await;
    let admin = domain::role::Actor::Staff {
        id: "ada".parse().unwrap(),
        roles: [domain::role::Role::Admin].into(),
    };
    change(&firm, with, &Caller::new(admin), at("2026-03-04T11:00:00Z")).await.unwrap();
}

/// The newest letter, its kind, and its paper.
async fn newest(
    desk: &Desk,
    firm: &Firm,
    client: &domain::id::ClientId,
) -> (LetterId, Result<OnPaper, LetterError>) {
    let rows = desk.letters(firm, client).await;
    let id = rows.iter().map(|row| row.letter.id).max().unwrap();
    let account = firm.store().load(client).await.unwrap().unwrap().account;
    (id, sent(firm, &account, id).await)
}

#[tokio::test]
async fn let_7_a_demand_goes_out_with_its_paper_where_the_firm_wants_it() {
    for attach in [false, true] {
        let (desk, _, acme) = locked().await;
        set(&desk, |settings| settings.attach_pdf = attach).await;
        let firm = desk.open("f-1").await;
        assert_eq!(desk.deliver().await, [Outcome::Sent]);
        let mail = desk.last_mail();
        let parsed = MessageParser::default().parse(&mail).unwrap();
        let attached: Vec<_> = parsed.attachments().collect();
        let (id, paper) = newest(&desk, &firm, &acme).await;
        let paper = paper.unwrap();
        assert!(paper.bytes.starts_with(b"%PDF-"));
        let kept = firm.store().sent_letter(&acme, id).await.unwrap().unwrap();
        assert_eq!(kept.paper.as_ref().unwrap().is_attached, attach);
        assert_eq!(attached.len(), usize::from(attach));
        if let Some(file) = attached.first() {
            assert_eq!(file.attachment_name(), Some(&*paper.name));
            assert!(file.contents() == paper.bytes, "made anew it is another one");
        }
        // Whatever the firm is called later: it is the paper of its day.
        set(&desk, |settings| settings.name = "Another name".to_owned()).await;
        let firm = desk.open("f-1").await;
        assert!(newest(&desk, &firm, &acme).await.1.unwrap() == paper);
    }
}

#[tokio::test]
async fn let_7_only_demands_that_left_are_on_paper() {
    let (desk, firm, acme) = noticed().await;
    set(&desk, |settings| settings.attach_pdf = true).await;
    let (_, waiting) = newest(&desk, &firm, &acme).await;
    assert!(matches!(waiting, Err(LetterError::None)), "{waiting:?}");
    assert_eq!(desk.deliver().await, [Outcome::Sent]);
    let (id, notice) = newest(&desk, &firm, &acme).await;
    assert!(matches!(notice, Err(LetterError::NoDemand)), "{notice:?}");
    let mail = desk.last_mail();
    assert_eq!(MessageParser::default().parse(&mail).unwrap().attachments().count(), 0);
    let rows = desk.letters(&firm, &acme).await;
    let row = rows.iter().find(|row| row.letter.id == id).unwrap();
    assert!(
        matches!(&row.letter.state, domain::letter::LetterState::Left(sending) if sending.kind == LetterKind::Notice)
    );
    let account = firm.store().load(&acme).await.unwrap().unwrap().account;
    let none = sent(&firm, &account, LetterId(9_999)).await;
    assert!(matches!(none, Err(LetterError::None)), "{none:?}");
    desk.act(&firm, &acme, Command::Evaluate).await.unwrap();
}
