//! In whose words and language a letter leaves (LET-3), and that what was sent says which they were.

use std::sync::Arc;

use domain::account::Profile;
use domain::command::Command;
use domain::letter::{Language, LetterKind};
use domain::role::Role;
use services::correspondence::Outcome;
use services::execute::Caller;
use services::firm::Firm;
use services::office::templates::{Saved, save};
use store::{FirmSettings, SentLetter, TemplateId, TemplateUse, TemplateWords};

use crate::desk::{Desk, at, settings, usd};
use crate::letters::{ANN, locked, noticed};

fn of(kind: LetterKind, language: Language, name: Option<&str>) -> TemplateId {
    TemplateId { kind, language, name: name.map(|name| name.parse().unwrap()) }
}

/// Saves a text of its own for the firm.
async fn word(desk: &Desk, of: &TemplateId, text: &str) -> u32 {
    let firm = desk.open("f-1").await;
    let newest = firm.store().letter_template(of).await.unwrap();
    let words = TemplateWords {
        text: Some(text.to_owned()).filter(|text| !text.is_empty()),
        ..TemplateWords::default()
    };
    let caller = Caller::new(domain::role::Actor::Staff {
        id: "ada".parse().unwrap(),
        roles: [Role::Admin].into(),
    });
    match save(&firm, of, words, newest.as_ref(), &caller, at("2026-03-04T11:00:00Z")).await {
        Ok(Saved::New(saved)) => saved.version,
        other => panic!("{other:?}"),
    }
}

async fn newest(desk: &Desk, firm: &Firm, client: &domain::id::ClientId) -> SentLetter {
    let rows = desk.letters(firm, client).await;
    let id = rows.iter().map(|row| row.letter.id).max().unwrap();
    firm.store().sent_letter(client, id).await.unwrap().unwrap()
}

async fn speaks(desk: &Desk, firm: &Firm, client: &domain::id::ClientId, language: Language) {
    let known = firm.store().load(client).await.unwrap().unwrap().account.profile;
    let profile = Profile { language: Some(language), ..known };
    desk.act(firm, client, Command::ChangeProfile(profile)).await.unwrap();
}

#[tokio::test]
async fn let_3_a_client_is_written_to_in_its_language_else_in_the_firms() {
    for (firm_speaks, client_speaks, expected) in [
        (Language::En, None, Language::En),
        (Language::En, Some(Language::Es), Language::Es),
        (Language::Es, None, Language::Es),
        (Language::Es, Some(Language::En), Language::En),
    ] {
        let desk = Desk::at("2026-03-04T12:00:00Z").await;
        let phone = Some("+1 555 0100".to_owned());
        let settings = FirmSettings { language: firm_speaks, phone, ..settings("UTC") };
        let firm: Arc<Firm> = desk.firm_of("f-1", settings, "").await;
        let acme = desk.client(&firm, "acme", ANN).await;
        if let Some(language) = client_speaks {
            speaks(&desk, &firm, &acme, language).await;
        }
        desk.invoice(&firm, &acme, "A-1", usd(10_000), "2026-03-03").await;
        assert_eq!(desk.deliver().await, [Outcome::Sent]);
        let says = match expected {
            Language::En => ["Invoice A-1 was due on March 3, 2026", "or call +1 555 0100"],
            Language::Es => ["La factura A-1 venció el 3 de marzo de 2026", "llame al +1 555 0100"],
        };
        for part in says {
            assert!(desk.last_text().contains(part), "{part} is not in {}", desk.last_text());
        }
        let sent = newest(&desk, &firm, &acme).await;
        assert_eq!(sent.template, Some(TemplateUse::built_in(expected)));
    }
}

#[tokio::test]
async fn let_3_the_lock_of_a_spanish_client_is_told_in_spanish() {
    let (desk, firm, acme) = locked().await;
    speaks(&desk, &firm, &acme, Language::Es).await;
    assert_eq!(desk.deliver().await, [Outcome::Sent]);
    let text = desk.last_text();
    for part in [
        "A partir de hoy, 2 de abril de 2026, su portal de clientes está bloqueado",
        "1 factura sin pagar con más de 30 días de retraso",
        "Cómo impugnar",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains("unpaid"), "{text}");
}

#[tokio::test]
async fn let_3_a_firms_own_words_are_those_of_the_next_letter_and_kept_with_it() {
    let (desk, firm, acme) = noticed().await;
    let notice = of(LetterKind::Notice, Language::En, None);
    assert_eq!(word(&desk, &notice, "You owe {{ amount_due }}: {{ link }}").await, 1);
    assert_eq!(desk.deliver().await, [Outcome::Sent]);
    let text = desk.last_text();
    assert!(text.starts_with("You owe 100.00 USD: https://portal.example/l/"), "{text}");
    let sent = newest(&desk, &firm, &acme).await;
    let used = TemplateUse { language: Language::En, name: None, version: Some(1) };
    assert_eq!(sent.template, Some(used));
    // What is its own is one part; the others are the built-in ones.
    assert_eq!(sent.subject.as_str(), "Invoice A-1 is 1 day overdue: 100.00 USD");
    // Taken back, the next letter is written as ever; the sent one says what it said.
    assert_eq!(word(&desk, &notice, "").await, 2);
    desk.clock.set(at("2026-03-18T12:00:00Z"));
    desk.act(&firm, &acme, Command::Evaluate).await.unwrap();
    assert_eq!(desk.deliver().await, [Outcome::Sent]);
    assert!(desk.last_text().contains("Kind regards"));
    let sent = newest(&desk, &firm, &acme).await;
    assert_eq!(sent.template, Some(TemplateUse::built_in(Language::En)));
}

#[tokio::test]
async fn let_3_a_step_is_written_in_the_text_that_it_names_in_the_clients_language() {
    for (client_speaks, expected, version) in [
        (None, "Gently: 100.00 USD", Some((Some("gentle"), 1))),
        // Not in another language's words: those of the kind in its own.
        (Some(Language::Es), "Aviso: 100.00 USD", Some((None, 1))),
    ] {
        let desk = Desk::at("2026-03-04T12:00:00Z").await;
        let with = "regular: {steps: [{at: 1, do: notice, text: gentle}]}";
        let firm = desk.firm("f-1", "UTC", with).await;
        word(
            &desk,
            &of(LetterKind::Notice, Language::En, Some("gentle")),
            "Gently: {{ amount_due }}",
        )
        .await;
        word(&desk, &of(LetterKind::Notice, Language::En, None), "Plainly: {{ amount_due }}").await;
        word(&desk, &of(LetterKind::Notice, Language::Es, None), "Aviso: {{ amount_due }}").await;
        let acme = desk.client(&firm, "acme", ANN).await;
        if let Some(language) = client_speaks {
            speaks(&desk, &firm, &acme, language).await;
        }
        desk.invoice(&firm, &acme, "A-1", usd(10_000), "2026-03-03").await;
        assert_eq!(desk.deliver().await, [Outcome::Sent]);
        assert_eq!(desk.last_text().trim(), expected);
        let used = newest(&desk, &firm, &acme).await.template.unwrap();
        let name = used.name.as_ref().map(|name| name.as_str());
        assert_eq!(used.version.map(|version| (name, version)), version);
    }
}
