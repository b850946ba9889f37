use super::*;
use crate::import::mapping::{MappingError, Pair};

const SAMPLE: &[u8] = include_bytes!("../../../../../tests/data/sample-ledger.csv");
const FOREIGN: &[u8] = include_bytes!("../../../../../tests/data/foreign-ledger.csv");
const BAD: &[u8] = include_bytes!("../../../../../tests/data/bad-ledger.csv");
const BAD_ENCODING: &[u8] = include_bytes!("../../../../../tests/data/bad-encoding.csv");

/// As the documentation of the foreign ledger says.
const FOREIGN_MAP: [&str; 12] = [
    "client=Customer",
    "client_name=Customer Name",
    "contact_email=E-Mail",
    "invoice=Doc No",
    "service_line=Dept",
    "issued=Doc Date",
    "due=Due Date",
    "currency=Cur",
    "amount=Amt",
    "paid=Amt Rcvd",
    "paid_on=Rcvd On",
    "disputed=On Dispute",
];

fn day(text: &str) -> Day {
    domain::calendar::parse_day(text).unwrap()
}

fn assumed() -> Assumed {
    let class: ClassId = "default".parse().unwrap();
    let classes = BTreeSet::from([class.clone(), "vip".parse().unwrap()]);
    Assumed { today: day("2026-10-01"), currency: Currency::USD, class, classes }
}

fn mapping(pairs: &[&str]) -> Mapping {
    Mapping::new(pairs.iter().map(|pair| pair.parse::<Pair>().unwrap())).unwrap()
}

fn read_plain(bytes: impl AsRef<[u8]>) -> Result<Ledger, FileError> {
    read(bytes.as_ref(), &Mapping::default(), &assumed())
}

/// A file of our own format with these columns and rows.
fn rows(header: &str, rows: &[&str]) -> Ledger {
    read_plain(format!("{header}\n{}\n", rows.join("\n"))).unwrap()
}

fn faults(ledger: &Ledger) -> Vec<String> {
    ledger.faults.iter().map(ToString::to_string).collect()
}

#[test]
fn every_row_of_the_bad_ledger_is_named_with_line_column_value_and_reason() {
    let ledger = read_plain(BAD).unwrap();
    let such = "expected a decimal number such as 1234.50";
    let expected = [
        (
            3,
            "issued",
            "July 1st",
            "is not a date, expected 2026-03-02 or 3/2/2026 (month/day/year)",
        ),
        (4, "issued", "2026-02-30", "is a day that doesn't exist"),
        (
            5,
            "issued",
            "13/45/2026",
            "has no month between 1 and 12, expected 2026-03-02 or 3/2/2026 (month/day/year)",
        ),
        (6, "currency", "XYZ", "is no currency of ISO 4217, expected a code such as USD"),
        (7, "currency", "dollar", "is no currency of ISO 4217, expected a code such as USD"),
        (8, "amount", "-120.00", &format!("is negative, {such}")),
        (9, "amount", "120.005", "is finer than the minor unit of USD, which has 2 decimals"),
        (10, "amount", "120.5", "is finer than the minor unit of JPY, which has 0 decimals"),
        (11, "amount", "1e3", &format!("is no amount, {such}")),
        (12, "amount", "1,200.00", &format!("has thousands separators or a decimal comma, {such}")),
        (13, "amount", "99999999999999999999999.00", "is too large, the most is 10000000000000.00"),
        (14, "amount", "", "is required"),
        (15, "client", "", "is required"),
        (16, "client", "c#101", "holds '#', which no id may"),
        (17, "invoice", "", "is required"),
        (18, "issued", "", "is required"),
        (19, "due", "2026-06-30", "is before the day of issue, 2026-07-01"),
        (20, "kind", "monthly", "is no invoice kind, expected regular or out_of_turn"),
        (
            21,
            "contact_email",
            "not an address",
            "is no e-mail address, expected one such as ann@acme.example",
        ),
        (22, "invoice", "GOOD-1", "is in line 2 already, with other values"),
        (23, "paid", "120.01", "is more than the invoice comes to, which is 120.00"),
        (24, "paid", "-1.00", &format!("is negative, {such}")),
        (25, "paid_on", "2026-06-31", "is a day that doesn't exist"),
        (26, "disputed", "maybe", "is neither yes nor no"),
        (28, "client", "", "is required, and so is the rest of the row, which is empty"),
        (29, "due", "", "is missing: the row has 8 columns, expected 14"),
        (30, "15", "extra", "is too much: the row has 15 columns, expected 14"),
    ];
    for (fault, expected) in ledger.faults.iter().zip(expected) {
        let told = (fault.line, &*fault.column, &*fault.value, &*fault.reason);
        assert_eq!(told, expected);
    }
    assert_eq!(ledger.faults.len(), expected.len());
    assert_eq!(ledger.bad_rows(), expected.len());
    assert_eq!(
        ledger.faults[0].to_string(),
        "line 3, column issued: \"July 1st\" is not a date, expected 2026-03-02 or 3/2/2026 (month/day/year)"
    );
    // What is left are the rows that are right, GOOD-1 as it came first.
    let good: Vec<_> = ledger.rows.iter().map(|row| (row.invoice.as_str(), row.line)).collect();
    assert_eq!(good, [("GOOD-1", 2), ("GOOD-2", 31)]);
    assert_eq!(ledger.rows[0].amount.to_string(), "120.00 USD");
    let paid = Paid { amount: Money::new(3_000, Currency::USD), on: Some(day("2026-08-01")) };
    assert_eq!(ledger.rows[1].paid, Some(paid));
    assert_eq!(ledger.rows[1].disputed, Some(false));
}

#[test]
fn a_cell_that_is_not_utf_8_is_a_fault_of_its_row_alone() {
    let ledger = read_plain(BAD_ENCODING).unwrap();
    assert_eq!(
        faults(&ledger),
        [r#"line 3, column client_name: "B�ckerei am Markt" is not UTF-8; save the file as UTF-8"#]
    );
    let good: Vec<_> = ledger.rows.iter().map(|row| row.invoice.as_str()).collect();
    assert_eq!(good, ["GOOD-1", "GOOD-2"]);
}

#[test]
fn the_sample_ledger_reads_whole() {
    let ledger = read_plain(SAMPLE).unwrap();
    assert_eq!(faults(&ledger), [] as [String; 0]);
    assert_eq!((ledger.rows.len(), ledger.repeated), (929, 0));
    assert_eq!(ledger.unread, []);
    let clients = ledger.clients();
    assert_eq!(clients.len(), 60);
    let orchards = &clients[&"c-011".parse::<ClientId>().unwrap()][0];
    let name = orchards.client_name.as_ref().unwrap().as_str();
    assert!(name.ends_with("Inc. (d/b/a \"Willow Orchards\")"), "{name}");
}

#[test]
fn a_foreign_ledger_reads_by_its_mapping() {
    let ledger = read(FOREIGN, &mapping(&FOREIGN_MAP), &assumed()).unwrap();
    assert_eq!(faults(&ledger), [] as [String; 0]);
    assert_eq!(ledger.rows.len(), 4_000);
    let unread: Vec<_> = ledger.unread.iter().map(|u| (&*u.column, u.looks_like)).collect();
    assert_eq!(unread, [("Doc Type", None), ("Memo", None), ("Rep", None)]);
    // The first rows whose memo has two lines, and the one after: lines are the file's.
    let lines: Vec<_> = ledger.rows[8..11].iter().map(|row| row.line).collect();
    assert_eq!(lines, [10, 12, 14]);
    let row = &ledger.rows[1];
    assert_eq!((row.client.as_str(), row.invoice.as_str()), ("CU11267", "SO-400001"));
    assert_eq!((row.issued_on, row.due_on), (day("2024-10-01"), Some(day("2024-10-16"))));
    assert_eq!(row.amount.to_string(), "3072.15 EUR");
    assert_eq!((row.kind, row.class.clone(), row.disputed), (None, None, Some(false)));
}

const SHORT: &str = "client,invoice,issued,amount,currency,paid,paid_on,disputed";

#[test]
fn what_a_row_leaves_open_is_filled_in() {
    let usd = |minor| Money::new(minor, Currency::USD);
    for (cells, amount, paid, on) in [
        ("100,,,,", usd(10_000), usd(0), None),
        ("100.5,USD,,,", usd(10_050), usd(0), None),
        ("100,,40,,no", usd(10_000), usd(4_000), None),
        ("100,,40,2026-02-03,", usd(10_000), usd(4_000), Some("2026-02-03")),
        ("100,,,2/3/2026,NO", usd(10_000), usd(10_000), Some("2026-02-03")),
        ("100,,0.00,,Yes", usd(10_000), usd(0), None),
        ("0,,,,", usd(0), usd(0), None),
        (" 100 , USD , 100 , 10/01/2026 , yes ", usd(10_000), usd(10_000), Some("2026-10-01")),
    ] {
        let ledger = rows(SHORT, &[&format!("acme,A-1,2026-01-01,{cells}")]);
        assert_eq!(faults(&ledger), [] as [String; 0], "for {cells}");
        let row = &ledger.rows[0];
        assert_eq!(row.amount, amount, "for {cells}");
        assert_eq!(row.paid, Some(Paid { amount: paid, on: on.map(day) }), "for {cells}");
    }
    let ledger = rows("client,invoice,issued,amount", &["acme,A-1,2026-01-01,100"]);
    assert_eq!(ledger.rows[0].paid, None, "a file without the columns says nothing of payments");
}

#[test]
fn what_can_not_be_is_a_fault() {
    for (row, expected) in [
        ("acme,A-1,3/2/26,100,,,,", &["column issued: \"3/2/26\" is not a date"][..]),
        ("acme,A-1,2026-3-2,100,,,,", &["column issued: \"2026-3-2\" is not a date"]),
        ("acme,A-1,2026-03-02T00:00:00,100,,,,", &["is not a date"]),
        ("acme,A-1,25/12/2025,100,,,,", &["has no month between 1 and 12"]),
        ("acme,A-1,2/29/2025,100,,,,", &["is a day that doesn't exist"]),
        ("acme,A-1,1066-10-14,100,,,,", &["lies outside the years 1970 to 2199"]),
        (
            "acme,A-1,2026-01-01,100,,40,2026-10-02,",
            &["column paid_on: \"2026-10-02\" is yet to come"],
        ),
        ("acme,A-1,2026-01-01,100,,0,2026-02-01,", &["is a day on which 0.00 was paid"]),
        ("acme,A-1,2026-10-02,100,,,,yes", &["column disputed: \"yes\" can't be"]),
        ("acme,A-1,2026-01-01,1.200,,,,", &["is finer than the minor unit of USD"]),
        ("acme,A-1,2026-01-01,1.200.000,,,,", &["has thousands separators"]),
        ("acme,A-1,2026-01-01,1'200,,,,", &["has thousands separators"]),
        ("acme,A-1,2026-01-01,\"1200,50\",,,,", &["or a decimal comma"]),
        ("acme,A-1,2026-01-01,(120),,,,", &["is negative"]),
        (
            "acme,A-1,2026-01-01,$120,,,,",
            &["is no amount, expected a decimal number such as 1234.50"],
        ),
        (
            "acme,A-1,2026-01-01,1.5,JPY,,,",
            &["is finer than the minor unit of JPY, which has 0 decimals"],
        ),
        (
            "ac\tme,A-1,2026-01-01,100,,,,",
            &["column client: \"ac\\tme\" holds '\\t', which no id may"],
        ),
        // All that is wrong with a row is said at once.
        (
            "#,A#1,x,,,-,13/1/2026,?",
            &["client", "invoice", "issued", "amount", "paid", "paid_on", "disputed"],
        ),
        // How an amount reads depends on its currency; without one it isn't judged.
        ("acme,A-1,2026-01-01,x,XXX,y,,", &["column currency: \"XXX\""]),
    ] {
        let ledger = rows(SHORT, &[row]);
        let told = faults(&ledger);
        assert_eq!(told.len(), expected.len(), "for {row}: {told:?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.starts_with("line 2, ") && told.contains(expected), "for {row}: {told}");
        }
        assert_eq!((ledger.rows.len(), ledger.bad_rows()), (0, 1), "for {row}");
    }
}

#[test]
fn fields_have_limits() {
    let header = "client,client_name,contact_email,class,invoice,issued,amount";
    let told = |client: &str, name: &str, email: &str, class: &str, invoice: &str| {
        let row = format!("{client},{name},{email},{class},{invoice},2026-01-01,100");
        faults(&rows(header, &[&row]))
    };
    let long = |length| "x".repeat(length);
    let email = |length: usize| format!("{}@acme.example", "x".repeat(length - 13));
    assert_eq!(told(&long(128), &long(512), &email(77), "vip", &long(104)), [] as [String; 0]);
    for (told, expected) in [
        (told(&long(129), "", "", "", "A-1"), "is longer than 128 bytes"),
        (told("acme", &long(513), "", "", "A-1"), "is longer than 512 bytes"),
        (told("acme", "", &email(255), "", "A-1"), "is longer than 254 bytes"),
        (told("acme", "", "", "", &long(105)), "is longer than 104 bytes"),
        (
            told("acme", "", "", "gold", "A-1"),
            "is no class with a policy, expected one of: default, vip",
        ),
        (told("acme", "\"Acme\nInc.\"", "", "", "A-1"), "holds a line end"),
        (told("acme", "", "ann@müller.example", "", "A-1"), "is no e-mail address"),
        (
            told("acme", "", "\"ann@acme.example, bea@acme.example\"", "", "A-1"),
            "is no e-mail address",
        ),
    ] {
        assert!(
            matches!(&told[..], [only] if only.ends_with(expected) || only.contains(expected)),
            "{told:?}"
        );
        assert!(told[0].chars().count() < 250, "a long value is cut: {}", told[0]);
    }
}

#[test]
fn inv_7_a_number_that_comes_twice_says_the_same_or_is_a_fault() {
    let ledger = rows(
        SHORT,
        &[
            "acme,A-1,2026-01-01,100,,,,",
            "acme,A-1,1/1/2026,100.00,USD,,,",
            "bigco,A-1,2026-01-01,100,,,,",
            "acme,A-2,x,100,,,,",
            "acme,A-2,2026-01-01,100,,,,",
        ],
    );
    assert_eq!((ledger.rows.len(), ledger.repeated), (2, 1));
    let told = faults(&ledger);
    assert_eq!(told[0], "line 4, column invoice: \"A-1\" is in line 2 already, with other values");
    assert!(
        told[1].starts_with("line 5, column issued"),
        "a row that can't be read takes no number"
    );
}

#[test]
fn pol_1_a_client_has_one_class() {
    let header = "client,class,contact_email,invoice,issued,amount";
    let ledger = rows(
        header,
        &[
            "acme,,,A-1,2026-01-01,1",
            "acme,vip,,A-2,2026-01-01,1",
            "acme,,,A-3,2026-01-01,1",
            "acme,default,,A-4,2026-01-01,1",
            "bigco,default,,B-1,2026-01-01,1",
        ],
    );
    assert_eq!(
        faults(&ledger),
        ["line 5, column class: \"default\" is another class than in line 3, where it is vip"]
    );
    assert_eq!(ledger.rows.len(), 4);
    let many: Vec<_> = (0..=MAX_CONTACTS)
        .map(|n| format!("acme,,ann{n}@acme.example,A-{n},2026-01-01,1"))
        .chain(["acme,,ANN0@acme.example,A-again,2026-01-01,1".to_owned()])
        .collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let told = faults(&rows(header, &many));
    assert_eq!(
        told,
        [
            "line 22, column contact_email: \"ann20@acme.example\" is one address too many, a client has at most 20"
        ]
    );
}

#[test]
fn a_file_that_is_none_says_what_was_expected() {
    for (bytes, expected) in [
        (&b""[..], "the file is empty, expected a header row"),
        (b"\n\r\n", "the file is empty, expected a header row"),
        (b"\xff\xfec\0l\0", "the file is UTF-16, expected UTF-8"),
        (b"client,in\xffvoice\n", "line 1: the header of column 2 is not UTF-8"),
        (
            b"client,invoice,issued,amount,client\n",
            "line 1: two columns are named \"client\", expected one",
        ),
        (
            b"Client,invoice,issued,amount\n",
            "line 1: no column for client; if client is in \"Client\", say --map client=\"Client\"",
        ),
        (
            b"client;invoice;issued;amount\n",
            "line 1: no column for client, invoice, issued, amount; semicolons seem to separate the fields, expected commas",
        ),
    ] {
        assert_eq!(read_plain(bytes).unwrap_err().to_string(), expected);
    }
    let large = vec![b'x'; MAX_BYTES + 1];
    assert_eq!(read_plain(&large).unwrap_err(), FileError::TooLarge(MAX_BYTES + 1));
    let many = format!("client,invoice,issued,amount\n{}", "x\n".repeat(MAX_ROWS + 1));
    assert_eq!(read_plain(many).unwrap_err(), FileError::TooManyRows);
    let ledger = read_plain("client,invoice,issued,amount\n").unwrap();
    assert_eq!((ledger.rows.len(), ledger.faults.len()), (0, 0), "a header alone has no rows");
}

#[test]
fn a_mapping_that_means_nothing_is_refused() {
    for (pair, expected) in [
        ("issued", "\"issued\" maps nothing, expected field=column such as issued=\"Doc Date\""),
        ("issued=", "\"issued=\" maps nothing, expected field=column such as issued=\"Doc Date\""),
        ("isued=Doc Date", "there is no field \"isued\", the nearest is \"issued\""),
    ] {
        assert_eq!(pair.parse::<Pair>().unwrap_err().to_string(), expected);
    }
    let pairs = ["issued=Date", "issued=Doc Date"].map(|pair| pair.parse::<Pair>().unwrap());
    let twice = Mapping::new(pairs).unwrap_err();
    assert!(matches!(twice, MappingError::Twice { field: Field::Issued, .. }), "{twice}");
    let bytes = b"Customer,Doc No,Doc Date,Amt\n";
    let pairs = ["client=Customer", "invoice=Doc Nr", "issued=Doc Date", "amount=Amt"];
    assert_eq!(
        read(bytes, &mapping(&pairs), &assumed()).unwrap_err().to_string(),
        "line 1: there is no column \"Doc Nr\" for the field invoice, the nearest is \"Doc No\""
    );
}

#[test]
fn a_column_that_nobody_reads_is_named_and_what_it_may_be() {
    let ledger = rows("client,invoice,issued,amount,Paid On,Memo,due date,Cur,Amount Paid", &[]);
    let unread: Vec<_> = ledger.unread.iter().map(|u| (&*u.column, u.looks_like)).collect();
    assert_eq!(
        unread,
        [
            ("Paid On", Some(Field::PaidOn)),
            ("Memo", None),
            ("due date", Some(Field::Due)),
            ("Cur", Some(Field::Currency)),
            ("Amount Paid", Some(Field::Paid)),
        ]
    );
}

#[test]
fn lines_are_counted_as_an_editor_does() {
    let header = "client,invoice,issued,amount,memo";
    for end in ["\n", "\r\n", "\r"] {
        let lines = ["a,1,x,1,", "", "", "a,2,x,1,\"two\nlines\"", "a,3,x,1,", "", "a,4,x,1"];
        let file = format!("\u{feff}{header}{end}{}", lines.join(end));
        let found: Vec<_> = read_plain(file).unwrap().faults.iter().map(|f| f.line).collect();
        assert_eq!(found, [2, 5, 7, 9], "for {end:?}");
    }
}

#[test]
fn a_quote_that_is_not_closed_swallows_no_row() {
    let header = "client,invoice,issued,amount,memo";
    let row = |number: usize, memo: &str| format!("a,{number},2026-01-01,1,{memo}");
    for (memos, faults, good) in [
        // As spreadsheets write them.
        (["\"5\"\" pipe\"", "\"two\nlines\"", "", "x"], &[][..], 4),
        // A quote in a cell that didn't begin with one is a character.
        (["5\" pipe", "x", "", "x"], &[], 4),
        (["\"never closed", "x", "", "x"], &[2], 0),
        (["x", "\"never closed", "x", "\"next\""], &[3], 1),
        (["x", "x", "x", "\"never closed on the last line"], &[], 4),
    ] {
        let rows: Vec<_> = (1..).zip(memos).map(|(number, memo)| row(number, memo)).collect();
        let ledger = read_plain(format!("{header}\n{}", rows.join("\n"))).unwrap();
        let lines: Vec<_> = ledger.faults.iter().map(|fault| fault.line).collect();
        assert_eq!((&lines[..], ledger.rows.len()), (faults, good), "for {memos:?}");
        for fault in &ledger.faults {
            assert_eq!(fault.column, "memo");
            assert!(
                fault.reason.ends_with("a quote in it is neither closed nor doubled"),
                "{fault}"
            );
        }
    }
}
