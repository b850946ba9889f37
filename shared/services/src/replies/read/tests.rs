use super::*;

const NAME: &str = "0123456789abcdef0123456789abcdef";

fn mail(headers: &[&str], body: &str) -> Mail {
    let usual = [
        "From: Ann Acme <ann@acme.example>",
        "Subject: Re: Your invoice",
        "Message-ID: <a-1@mail.acme.example>",
        "Content-Type: text/plain; charset=utf-8",
    ];
    let headers: Vec<_> = headers.iter().chain(&usual).map(|line| format!("{line}\r\n")).collect();
    let raw = format!("{}\r\n{body}", headers.concat());
    read(raw.as_bytes(), "in.example.com").unwrap()
}

#[test]
fn let_8_an_answer_says_to_which_letter_it_is() {
    for (headers, expected) in [
        (vec![format!("To: Bea <reply+{NAME}@in.example.com>")], vec![NAME]),
        (vec![format!("To: reply+{}@IN.Example.COM", NAME.to_uppercase())], vec![NAME]),
        (
            vec!["To: bea@firm.example".to_owned(), format!("Cc: reply+{NAME}@in.example.com")],
            vec![NAME],
        ),
        (vec![format!("Delivered-To: reply+{NAME}@in.example.com")], vec![NAME]),
        (
            vec![format!(
                "Received: from a by inbound-smtp with SMTP id x\r\n for reply+{NAME}@in.example.com;\r\n Mon, 1 Jun 2026 10:00:00 +0000"
            )],
            vec![NAME],
        ),
        (vec![format!("To: reply+{NAME}@other.example")], vec![]),
        (vec![format!("To: reply+{NAME}@in.example.com.evil.example")], vec![]),
        (vec!["To: reply+@in.example.com".to_owned()], vec![]),
        (vec!["To: reply+../x@in.example.com".to_owned()], vec![]),
        (vec![format!("X-Other: reply+{NAME}@in.example.com")], vec![]),
    ] {
        let lines: Vec<&str> = headers.iter().map(String::as_str).collect();
        let names = mail(&lines, "yes").names;
        // A domain that only begins like ours is another's: it finds no letter, whatever its name.
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        assert_eq!(names, expected, "{headers:?}");
    }
}

#[test]
fn let_8_an_answer_names_the_letters_before_it_newest_first() {
    let mail = mail(
        &[
            "In-Reply-To: <c@x.example>",
            "References: <a@x.example> <b@x.example>\r\n <c@x.example>",
        ],
        "yes",
    );
    assert_eq!(mail.answers, ["c", "b", "a"]);
    assert_eq!(mail.from.as_deref(), Some("ann@acme.example"));
    assert_eq!(mail.message_id.as_deref(), Some("a-1@mail.acme.example"));
}

#[test]
fn let_8_machines_answer_nothing() {
    for (header, expected) in [
        ("X-Mailer: Thunderbird", Writer::Person),
        ("Auto-Submitted: no", Writer::Person),
        ("Precedence: normal", Writer::Person),
        ("Return-Path: <ann@acme.example>", Writer::Person),
        ("X-SES-Spam-Verdict: PASS", Writer::Person),
        ("X-SES-Spam-Verdict: GRAY", Writer::Person),
        ("Auto-Submitted: auto-replied", Writer::Machine),
        ("auto-submitted: Auto-Generated", Writer::Machine),
        ("Precedence: bulk", Writer::Machine),
        ("Precedence: auto_reply", Writer::Machine),
        ("X-Autoreply: yes", Writer::Machine),
        ("X-Autorespond: out of office", Writer::Machine),
        ("List-Id: <news.acme.example>", Writer::Machine),
        ("Return-Path: <>", Writer::Machine),
        ("X-SES-Spam-Verdict: FAIL", Writer::Unwanted),
        ("X-SES-Virus-Verdict: FAIL", Writer::Unwanted),
        ("X-Portcullis-Handed-On: 1", Writer::Ourselves),
    ] {
        assert_eq!(mail(&[header], "yes").writer, expected, "{header}");
    }
    let raw = b"From: MAILER-DAEMON@mail.example\r\nSubject: gone\r\n\r\ngone";
    assert_eq!(read(raw, "in.example.com").unwrap().writer, Writer::Machine);
    let raw = b"From: a@b.example\r\nContent-Type: multipart/report; boundary=x\r\n\r\n--x\r\n\r\ngone\r\n--x--";
    assert_eq!(read(raw, "in.example.com").unwrap().writer, Writer::Machine);
}

#[test]
fn let_8_what_is_quoted_is_no_part_of_the_message() {
    for (body, expected) in [
        ("I paid.", "I paid."),
        ("I paid.\n\nAnn\n", "I paid.\n\nAnn"),
        (
            "I paid.\n\nOn Mon, Jun 1, 2026 at 9:00 AM Bea <b@x.example> wrote:\n> Dear Acme,\n> pay",
            "I paid.",
        ),
        (
            "I paid.\n\nOn Mon, Jun 1, 2026 at 9:00 AM Bea\n<b@x.example> wrote:\n\n> Dear Acme,",
            "I paid.",
        ),
        ("On Mon Bea wrote:\n> Is it paid?\nYes.\n> And the other?\nNo.", "Yes.\nNo."),
        ("Ya pagué.\n\nEl lun, 1 jun 2026, Bea escribió:\n> Estimada", "Ya pagué."),
        ("I paid.\n\n-----Original Message-----\nFrom: Bea\nYou owe", "I paid."),
        ("I paid.\n________________________________\nFrom: Bea\nYou owe", "I paid."),
        ("I paid.\n\nFrom: Bea <b@x.example>\nSent: Monday\nTo: Ann\n\nYou owe", "I paid."),
        (
            "On Monday I paid.\nOn Tuesday you wrote: pay",
            "On Monday I paid.\nOn Tuesday you wrote: pay",
        ),
        ("From: here on I pay\nnothing", "From: here on I pay\nnothing"),
        ("I paid.\n\n\n\n\nAnn", "I paid.\n\nAnn"),
        ("> only quoted", "> only quoted"),
        ("", NO_TEXT),
        ("  \n\n", NO_TEXT),
    ] {
        assert_eq!(mail(&[], body).text, expected, "{body:?}");
    }
}

#[test]
fn let_8_a_long_answer_is_cut_at_a_letter() {
    let text = mail(&[], &"ä".repeat(MAX_TEXT_BYTES)).text;
    assert!(text.len() <= MAX_TEXT_BYTES && text.ends_with(CUT), "{}", text.len());
}

#[test]
fn let_8_an_answer_in_html_alone_is_read_as_text() {
    let raw =
        b"From: a@b.example\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>I <b>paid</b>.</p>";
    let mail = read(raw, "in.example.com").unwrap();
    assert!(mail.text.contains("I paid"), "{}", mail.text);
    assert!(!mail.text.contains('<'));
}

#[test]
fn let_8_what_is_no_mail_is_none() {
    assert_eq!(read(b"", "in.example.com"), None);
}
