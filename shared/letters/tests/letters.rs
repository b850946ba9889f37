//! Every kind of letter, whole: what a client reads (LET-1, LET-7, PAY-7).
//!
//! The snapshots are the letters; a change of wording is a change of a file that a person can read.

#![allow(clippy::unwrap_used, reason = "the helpers of a test are part of it")]

use chrono::NaiveDate;
use domain::letter::LetterKind;
use domain::lock::{LockCause, LockReason};
use domain::money::Money;
use letters::facts::{
    Content, Debt, Language, LetterFacts, Lock, Next, NextAction, Opens, Reopened,
};
use letters::{
    LetterError, Own, Part, Templates, built_in_words, check_own, check_words, render, render_own,
    samples,
};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// The letter as a mail program shows its text.
fn text(facts: &LetterFacts) -> String {
    let letter = render(facts).unwrap();
    format!("Subject: {}\n\n{}", letter.subject, letter.text)
}

fn debt(facts: &mut LetterFacts) -> &mut Debt {
    match &mut facts.content {
        Content::Reminder(debt)
        | Content::LockNotice(debt)
        | Content::LimitNotice(debt)
        | Content::CloseNotice(debt)
        | Content::Notice(debt)
        | Content::DemandLetter(debt, _)
        | Content::FinalDemand(debt, _) => debt,
        other => panic!("{other:?} is about no debt"),
    }
}

/// The kind's letter with everything in it, and with nothing that may be absent.
fn both(kind: LetterKind) {
    let name = kind.as_str();
    let [full, spare] = samples(kind);
    insta::assert_snapshot!(format!("{name}_full_text"), text(&full));
    insta::assert_snapshot!(format!("{name}_full_html"), render(&full).unwrap().html);
    insta::assert_snapshot!(format!("{name}_spare_text"), text(&spare));
    insta::assert_snapshot!(format!("{name}_spare_html"), render(&spare).unwrap().html);
    let es = |facts: LetterFacts| LetterFacts { language: Language::Es, ..facts };
    let [full, spare] = [full, spare].map(es);
    insta::assert_snapshot!(format!("{name}_full_text_es"), text(&full));
    insta::assert_snapshot!(format!("{name}_full_html_es"), render(&full).unwrap().html);
    insta::assert_snapshot!(format!("{name}_spare_text_es"), text(&spare));
}

#[test]
fn let_1_reminder() {
    both(LetterKind::Reminder);
}

#[test]
fn let_1_notice() {
    both(LetterKind::Notice);
}

#[test]
fn let_1_lock_notice() {
    both(LetterKind::LockNotice);
}

#[test]
fn let_1_limit_notice() {
    both(LetterKind::LimitNotice);
}

#[test]
fn let_1_close_notice() {
    both(LetterKind::CloseNotice);
}

#[test]
fn let_7_demand_letter() {
    both(LetterKind::DemandLetter);
}

#[test]
fn let_7_final_demand() {
    both(LetterKind::FinalDemand);
}

#[test]
fn unl_5_welcome_back() {
    both(LetterKind::WelcomeBack);
}

#[test]
fn pay_7_receipt() {
    both(LetterKind::Receipt);
}

#[test]
fn let_1_payment_failed() {
    both(LetterKind::PaymentFailed);
}

#[test]
fn prom_1_promise_confirmation() {
    both(LetterKind::PromiseConfirmation);
}

#[test]
fn plan_1_plan_confirmation() {
    both(LetterKind::PlanConfirmation);
}

#[test]
fn let_7_pay_link() {
    both(LetterKind::PayLink);
}

#[test]
fn let_8_message() {
    both(LetterKind::Message);
}

#[test]
fn sec_3_invitation() {
    both(LetterKind::Invitation);
}

#[test]
fn sec_3_sign_in_link() {
    both(LetterKind::SignInLink);
}

#[test]
fn let_7_a_demand_says_everything_that_it_must() {
    for kind in [LetterKind::DemandLetter, LetterKind::FinalDemand] {
        let [full, _] = samples(kind);
        let letter = render(&full).unwrap();
        for (format, body) in [("text", &letter.text), ("html", &letter.html)] {
            let body = body.replace("&amp;", "&");
            for part in [
                "Harbor & Pine CPAs",
                "INV-00042",
                "1,250.50 USD",
                "June 1, 2026",
                "30 days overdue",
                "18.50 USD",
                "1,200.50 USD", // net of credit and of what is in dispute
                "https://portal.example/l/4fXn2cRkT0yq7w",
                "How to dispute",
                "by July 8, 2026",
                "2025 financial statements",
                "payment plan",
                "your own records",
                "1 unpaid invoice over 30 days",
            ] {
                assert!(body.contains(part), "{kind:?} in {format} does not say {part}:\n{body}");
            }
        }
    }
}

#[test]
fn lock_1_the_letter_of_a_lock_and_the_one_a_week_later() {
    let [full, _] = samples(LetterKind::DemandLetter);
    let locks = |facts: &LetterFacts| {
        let text = text(facts);
        let lines = text.lines().filter(|line| line.contains("portal"));
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    insta::assert_snapshot!(locks(&full), @"
    Subject: Your client portal is locked, and 1,200.50 USD is overdue
    As of today, July 1, 2026, your client portal is locked: 1 unpaid invoice over 30 days. Your documents and statements there are closed for now.
    You can still sign in, see and pay your invoices, sign what was sent to you for signature, write to us, and ask for your own records. Once nothing is overdue any more, a person here opens the portal, usually within two business days; part of the amount does not open it.
    How to pay: https://portal.example/l/4fXn2cRkT0yq7w
    Ready and waiting for you as soon as the portal is open:
    ");
    let mut later = full;
    later.day = day("2026-07-08");
    insta::assert_snapshot!(locks(&later), @"
    Your client portal has been locked since July 1, 2026: 1 unpaid invoice over 30 days. Your documents and statements there are closed for now.
    You can still sign in, see and pay your invoices, sign what was sent to you for signature, write to us, and ask for your own records. Once nothing is overdue any more, a person here opens the portal, usually within two business days; part of the amount does not open it.
    How to pay: https://portal.example/l/4fXn2cRkT0yq7w
    Ready and waiting for you as soon as the portal is open:
    ");
}

#[test]
fn unl_3_and_lock_4_how_a_portal_opens_is_told_as_it_is() {
    let kinds = [LetterKind::DemandLetter, LetterKind::Receipt];
    for (kind, opens) in kinds.into_iter().flat_map(|kind| {
        [Opens::AfterReview, Opens::OnPayment, Opens::ByTheFirm].map(|opens| (kind, opens))
    }) {
        let [mut facts, _] = samples(kind);
        let lock = match &mut facts.content {
            Content::DemandLetter(debt, _) => debt.lock.as_mut(),
            Content::Receipt(receipt) => receipt.lock.as_mut(),
            _ => None,
        };
        lock.unwrap().opens = opens;
        let letter = render(&facts).unwrap();
        for body in [letter.text, letter.html] {
            for (says, when) in [
                ("opens by itself", Opens::OnPayment),
                ("business days", Opens::AfterReview),
                ("talk to us about opening it", Opens::ByTheFirm),
            ] {
                assert_eq!(body.contains(says), when == opens, "{kind:?} {opens:?}:\n{body}");
            }
        }
    }
}

#[test]
fn pay_7_a_receipt_to_a_locked_client_says_that_access_stays_closed() {
    let [full, _] = samples(LetterKind::Receipt);
    let mut settled = full.clone();
    let Content::Receipt(receipt) = &mut settled.content else { panic!("no receipt") };
    receipt.rest.clear();
    for (facts, rest, expected) in [
        (&full, true, "access to the client portal stays closed for now"),
        (
            &settled,
            false,
            "Nothing is overdue any more. Your access to the client portal stays closed",
        ),
    ] {
        let letter = render(facts).unwrap();
        for body in [&letter.text, &letter.html] {
            let body = body.replace('\n', " ");
            assert!(body.contains(expected), "{body}");
            assert_eq!(body.contains("Still overdue:"), rest, "{body}");
        }
    }
}

#[test]
fn lock_7_a_notice_says_what_follows_and_when() {
    let [_, spare] = samples(LetterKind::Notice);
    for (action, expected) in [
        (NextAction::Limit, "on July 31, 2026, a part of the client portal closes"),
        (NextAction::Lock, "if this is still open on July 31, 2026, access to your documents"),
        (NextAction::DemandLetter, "on July 31, 2026, we send a formal demand for payment"),
        (NextAction::PartnerReview, "by July 31, 2026, a partner of the firm reviews"),
        (NextAction::CollectionsReferral, "may be handed to a collections agency"),
        (NextAction::Close, "a partner of the firm decides whether the engagement ends"),
    ] {
        let mut facts = spare.clone();
        debt(&mut facts).next = Some(Next { action, on: day("2026-07-31") });
        let letter = render(&facts).unwrap();
        for body in [letter.text, letter.html] {
            assert!(body.contains(expected), "for {action:?}:\n{body}");
        }
    }
    assert!(!text(&spare).contains("What happens next"));
}

#[test]
fn unl_4_welcome_back_by_exception_names_its_end() {
    let [mut facts, _] = samples(LetterKind::WelcomeBack);
    for (reopened, expected) in [
        (Reopened::Until(day("2026-07-31")), "up to and including July 31, 2026"),
        (Reopened::WithPlan, "stays open while the plan is kept"),
        (Reopened::Settled, "Nothing is overdue any more"),
    ] {
        let Content::WelcomeBack(content) = &mut facts.content else { panic!("another kind") };
        content.reopened = reopened;
        if reopened == Reopened::Settled {
            // Before it left something was overdue again: that is named, and not that nothing is.
            let letter = render(&facts).unwrap();
            for body in [letter.text, letter.html] {
                assert!(body.contains("Still overdue") && !body.contains(expected), "{body}");
            }
        }
        let Content::WelcomeBack(content) = &mut facts.content else { panic!("another kind") };
        if reopened == Reopened::Settled {
            content.still_open.clear();
        }
        let text = text(&facts);
        assert!(text.contains(expected), "for {reopened:?}:\n{text}");
    }
}

#[test]
fn let_9_two_currencies_are_two_sums() {
    let [_, mut facts] = samples(LetterKind::Notice);
    let debt = debt(&mut facts);
    let mut yen = debt.invoices[0].clone();
    let money = |minor| Money::new(minor, "JPY".parse().unwrap());
    yen.number = "J-1".parse().unwrap();
    (yen.total, yen.fees, yen.paid, yen.disputed) = (money(120_000), money(0), money(0), money(0));
    debt.invoices.push(yen);
    debt.credit = vec![money(20_000)];
    let letter = render(&facts).unwrap();
    assert_eq!(letter.subject, "2 invoices are overdue: 100,000 JPY and 1,250.50 USD");
    assert!(letter.text.contains("Less your credit with us: 20,000 JPY\nTO PAY: 100,000 JPY\n"));
    assert!(letter.text.contains("TO PAY: 1,250.50 USD\n"));
}

#[test]
fn let_3_html_escapes_what_it_prints_and_text_does_not() {
    for kind in LetterKind::ALL {
        let [mut facts, _] = samples(kind);
        facts.client_name = "<b onclick=\"x\">Acme & 'Söhne'</b>".to_owned();
        facts.firm.name = "<script>alert(1)</script>".to_owned();
        let letter = render(&facts).unwrap();
        assert!(!letter.html.contains("<script>") && !letter.html.contains("<b onclick"));
        assert!(letter.html.contains("&lt;b onclick=&quot;x&quot;&gt;Acme &amp; "), "{kind:?}");
        assert!(letter.text.contains("Dear <b onclick=\"x\">Acme & 'Söhne'</b>,"), "{kind:?}");
        assert!(!letter.text.contains("&amp;"), "{kind:?}");
    }
}

#[test]
fn let_4_facts_that_contradict_each_other_make_no_letter() {
    type Change = fn(&mut LetterFacts);
    let changes: [(Change, &str); 7] = [
        (|f| debt(f).invoices.clear(), "about no invoice"),
        (
            |f| {
                debt(f).invoices[0].paid =
                    debt(f).invoices[0].total.checked_add(debt(f).invoices[0].total).unwrap()
            },
            "do not fit",
        ),
        (|f| debt(f).invoices[0].disputed = debt(f).invoices[0].total, "do not fit"),
        (|f| debt(f).invoices[0].fees = Money::new(1, "JPY".parse().unwrap()), "do not fit"),
        (|f| debt(f).link = Some("javascript:alert(1)".to_owned()), "is not an address"),
        (|f| debt(f).link = Some(String::new()), "is not an address"),
        (|f| f.firm.logo_url = Some("data:image/png;base64,x".to_owned()), "is not an address"),
    ];
    for (change, expected) in changes {
        let [mut facts, _] = samples(LetterKind::DemandLetter);
        change(&mut facts);
        let error = render(&facts).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let [mut plan, _] = samples(LetterKind::PlanConfirmation);
    let Content::PlanConfirmation(content) = &mut plan.content else { panic!("no plan") };
    content.instalments.clear();
    assert!(matches!(render(&plan), Err(LetterError::NoInstalments)));
    let [mut receipt, _] = samples(LetterKind::Receipt);
    let Content::Receipt(content) = &mut receipt.content else { panic!("no receipt") };
    content.applied.push(content.applied[0].clone());
    assert!(matches!(render(&receipt), Err(LetterError::Money(_))));
}

#[test]
fn let_3_a_firms_own_template_takes_the_place_of_ours() {
    let own = |part, source| {
        Templates::built_in().with(LetterKind::Notice, Language::En, part, source).unwrap()
    };
    let [facts, spare] = samples(LetterKind::Notice);
    let subject = own(Part::Subject, "{{ firm.name }}: please pay {{ amount_due }}\n");
    assert_eq!(
        subject.render(&facts).unwrap().subject,
        "Harbor & Pine CPAs: please pay 1,200.50 USD"
    );
    assert_eq!(subject.render(&facts).unwrap().text, render(&facts).unwrap().text);

    let text = own(Part::Text, "{% for i in invoices %}{{ i.number }} {{ i.paid }}\n{% endfor %}");
    assert_eq!(text.render(&facts).unwrap().text, "INV-00042 200.00 USD\nINV-00047\n");

    let html = own(Part::Html, "<p>{{ client.name }} & co{% if next %}!{% endif %}</p>");
    let letter = html.render(&facts).unwrap().html;
    assert!(letter.contains("<p>Acme Bakery LLC & co!</p>"), "{letter}");
    assert!(letter.contains("<title>Invoice") || letter.contains("<title>2 invoices"), "{letter}");
    assert!(letter.contains("Kind regards"), "{letter}");
    assert!(html.render(&spare).unwrap().html.contains("co</p>"));

    let [receipt, _] = samples(LetterKind::Receipt);
    assert_eq!(html.render(&receipt).unwrap(), render(&receipt).unwrap());
}

#[test]
fn let_1_a_lock_is_said_only_where_there_is_one() {
    for kind in [LetterKind::Notice, LetterKind::DemandLetter, LetterKind::FinalDemand] {
        let [_, mut facts] = samples(kind);
        assert!(!text(&facts).contains("locked"), "{kind:?}");
        debt(&mut facts).lock = Some(Lock {
            cause: LockCause::Rule(LockReason::Unpaid { invoices: 3, days: 5 }),
            since: day("2026-06-20"),
            opens: Opens::AfterReview,
        });
        assert!(text(&facts).contains("locked since June 20, 2026: 3 unpaid invoices"), "{kind:?}");
    }
}

/// English words that would stand in no Spanish letter.
const ENGLISH: [&str; 12] = [
    " the ", " your ", " you ", " is ", " and ", " of ", "Dear", "invoice", "overdue", " pay ",
    "June", "days",
];

#[test]
fn let_3_a_spanish_letter_has_no_english_in_it() {
    for kind in LetterKind::ALL {
        for facts in samples(kind) {
            let facts = LetterFacts { language: Language::Es, ..facts };
            let letter = render(&facts).unwrap();
            assert!(letter.html.starts_with("<!doctype html>\n<html lang=\"es\">"), "{kind:?}");
            let prose = letter.html.replace("financial statements", "").replace("return, May", "");
            let prose =
                prose.split('<').map(|part| part.split_once('>').map_or("", |(_, text)| text));
            for body in [letter.subject, letter.text, prose.collect::<Vec<_>>().join(" ")] {
                for word in ENGLISH {
                    assert!(!body.contains(word), "{kind:?} says {word:?}:\n{body}");
                }
            }
        }
    }
}

#[test]
fn let_7_a_spanish_demand_says_everything_that_it_must() {
    for kind in [LetterKind::DemandLetter, LetterKind::FinalDemand] {
        let [full, _] = samples(kind);
        let letter = render(&LetterFacts { language: Language::Es, ..full }).unwrap();
        for body in [letter.text, letter.html.replace("&amp;", "&")] {
            for part in [
                "Harbor & Pine CPAs",
                "INV-00042",
                "1,250.50 USD",
                "1 de junio de 2026",
                "vencida hace 30 días",
                "18.50 USD",
                "1,200.50 USD",
                "https://portal.example/l/4fXn2cRkT0yq7w",
                "Cómo impugnar",
                "hasta el 8 de julio de 2026",
                "2025 financial statements",
                "plan de pagos",
                "su propia documentación",
                "1 factura sin pagar con más de 30 días de retraso",
            ] {
                assert!(body.contains(part), "{kind:?} does not say {part}:\n{body}");
            }
        }
    }
}

#[test]
fn let_3_the_built_in_words_may_be_a_firms_own() {
    for kind in LetterKind::ALL {
        for language in Language::ALL {
            let own = built_in_words(kind, language);
            assert!(check_own(kind, &own).is_empty(), "{kind:?}: {:?}", check_own(kind, &own));
            for facts in samples(kind) {
                let facts = LetterFacts { language, ..facts };
                assert_eq!(render_own(&facts, &own).unwrap(), render(&facts).unwrap(), "{kind:?}");
            }
        }
    }
}

#[test]
fn let_3_what_a_firm_does_not_word_is_said_in_the_built_in_words_of_that_language() {
    let own = Own { subject: Some("Aviso de {{ firm.name }}".to_owned()), ..Own::default() };
    let [facts, _] = samples(LetterKind::Notice);
    let facts = LetterFacts { language: Language::Es, ..facts };
    let letter = render_own(&facts, &own).unwrap();
    assert_eq!(letter.subject, "Aviso de Harbor & Pine CPAs");
    assert_eq!(letter.text, render(&facts).unwrap().text);
    // A piece that it includes is of its language too.
    let own = Own { text: Some("{% include 'totals.txt' %}".to_owned()), ..Own::default() };
    assert!(render_own(&facts, &own).unwrap().text.contains("A PAGAR: 1,200.50 USD"));
    let facts = LetterFacts { language: Language::En, ..facts };
    assert!(render_own(&facts, &own).unwrap().text.contains("TO PAY: 1,200.50 USD"));
}

#[test]
fn let_7_a_firms_own_demand_has_to_say_what_a_demand_says() {
    let whole = "{{ firm.name }}: {{ amount_due }} by {{ dispute_by }} at {{ link }}\n\
        {% for i in invoices %}{{ i.number }} {{ i.due_on }} {{ i.open }} {{ i.fees }}\n{% endfor %}\
        {% for item in ready %}{{ item }}{% endfor %}";
    for part in [Part::Text, Part::Html] {
        assert!(check_words(LetterKind::DemandLetter, part, whole).is_ok());
        for (without, expected) in [
            ("{{ amount_due }}", "how much is due: name \"amount_due\""),
            ("{{ dispute_by }}", "by when: name \"dispute_by\""),
            ("{{ link }}", "where to pay and to dispute: name \"link\""),
            ("{{ i.fees }}", "the late fees in them"),
            ("{{ i.number }}", "which invoices"),
            ("{{ item }}", "what is ready"),
        ] {
            let error = check_words(LetterKind::DemandLetter, part, &whole.replace(without, ""));
            let error = error.unwrap_err().sentence();
            assert!(error.contains(expected), "without {without}: {error}");
        }
    }
    assert!(check_words(LetterKind::SignInLink, Part::Text, "Sign in at {{ link }}").is_ok());
    let error = check_words(LetterKind::SignInLink, Part::Text, "Sign in").unwrap_err();
    assert_eq!(error.sentence(), "it does not say where to sign in: name \"link\"");
    let error = check_words(LetterKind::Notice, Part::Subject, " ").unwrap_err();
    assert_eq!(error.sentence(), "it does not say anything: name \"firm.name\"");
}

#[test]
fn let_3_what_is_wrong_is_said_with_its_line() {
    for (source, expected) in [
        ("a\n{{ amout_due }}", "line 2: unknown placeholder \"amout_due\", the nearest"),
        ("a\n\n{% if lock %}", "line 3: it can't be read: "),
        ("{{ firm.name ~ 1 / 0 }}", "line 1: it does not work on a sample letter: "),
    ] {
        let error = check_words(LetterKind::Notice, Part::Text, source).unwrap_err().sentence();
        assert!(error.starts_with(expected), "for {source}: {error}");
    }
}
