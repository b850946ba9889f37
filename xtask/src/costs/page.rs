//! The page: the bill in columns, what it is reckoned from, and what each use case consumes.

use super::activity::{
    self, ARCHIVED_BYTES, CLIENTS_PER_FIRM, COMMIT_BYTES, EMPTY_POLLS, EVENTS_PER_COMMIT,
    KEY_ASKED_EVERY, LETTER_BYTES, LOG_BYTES, MONTHS_KEPT, OF_CLIENTS, OF_FIRM_DAYS, PAGE_BYTES,
    Takes,
};
use super::bill::{Bill, firms};
use super::prices::{ALL, READ_ON};
use super::sources::Sources;

/// Who asserts the measurements.
const ASSERTED: &str = "shared/services/tests/capacity.rs";

const HEAD: &str = "\
# What it costs

Made by `cargo xtask costs` from what tests and benches measured, the prices below and what people are assumed to do;
`cargo xtask test` checks that it is up to date. Dollars a month, in us-east-1, arm64, DynamoDB on demand, after a year, without
free tiers (the smallest bills are lower with them) and without the gateway's fees, taxes and support.

";

/// The whole file.
pub fn render(sources: &Sources, sizes: &[u64]) -> String {
    let bills: Vec<_> = sizes.iter().map(|size| Bill::of(*size, sources)).collect();
    let parts = [
        HEAD.to_owned(),
        table(&bills),
        below(&bills),
        activities(sources),
        units(&bills),
        prices(),
        consumed(sources),
    ];
    parts.concat()
}

fn heading(bills: &[Bill], first: &str) -> String {
    let columns: Vec<_> = bills.iter().map(|bill| grouped(bill.clients)).collect();
    let rule = "---:|".repeat(bills.len());
    format!("| {first} | {} |\n|---|{rule}\n", columns.join(" | "))
}

fn table(bills: &[Bill]) -> String {
    let mut text = heading(bills, "clients");
    for (index, line) in lines(bills) {
        let cells: Vec<_> = of_part(bills, index).map(|line| dollars(line.micros())).collect();
        text.push_str(&format!("| {line} | {} |\n", cells.join(" | ")));
    }
    let totals: Vec<_> =
        bills.iter().map(|bill| format!("**{}**", dollars(bill.micros()))).collect();
    text.push_str(&format!("| **together** | {} |\n", totals.join(" | ")));
    let each = bills.iter().map(|bill| match bill.micros().checked_div(bill.clients) {
        Some(micros) => dollars(micros),
        None => String::new(),
    });
    text.push_str(&format!("| for each client | {} |\n", each.collect::<Vec<_>>().join(" | ")));
    text
}

fn lines(bills: &[Bill]) -> impl Iterator<Item = (usize, &'static str)> {
    let first = bills.first().map(|bill| &*bill.lines).unwrap_or_default();
    first.iter().map(|line| line.part).enumerate().collect::<Vec<_>>().into_iter()
}

fn of_part(bills: &[Bill], index: usize) -> impl Iterator<Item = &super::bill::Line> {
    bills.iter().filter_map(move |bill| bill.lines.get(index))
}

fn below(bills: &[Bill]) -> String {
    let fixed = bills.iter().find(|bill| bill.clients == 0).map_or(0, Bill::micros);
    format!(
        "\nThe column of no clients is what the stack costs by standing there: {} a month, which is nearly all that a \
         small firm pays. A dev stack costs as much; without traces (`Tracing=PassThrough`) and with fewer alarms it is less. \
         Large deployments pay for writes, letters and their words; DynamoDB's provisioned capacity and reserved terms \
         make the writes cheaper where the load is even.\n",
        dollars(fixed)
    )
}

fn activities(sources: &Sources) -> String {
    let mut text = "\n## What is assumed to happen\n\nFor a thousand clients in a month of 30 days. The consumption is \
                    that of the use case as measured (below).\n\n| what | times | read units each | write units each | \
                    function, ms | as |\n|---|---:|---:|---:|---:|---|\n"
        .to_owned();
    for of in &OF_CLIENTS {
        text.push_str(&activity_row(of, sources));
    }
    text.push_str(&format!(
        "\nFirms have {CLIENTS_PER_FIRM} clients each, so a million are {} firms. On each day of a firm its run is begun and its \
         shards are looked through: {} messages, each of some ten units of reading and writing. That was estimated and not \
         measured, as were all milliseconds: the [measured starts](measured.md#start-and-size-of-each-function) are some two \
         of them, the rest is waiting for others.\n\n\
         A commit adds {COMMIT_BYTES} bytes to the table and {ARCHIVED_BYTES} to the archive, a letter with its words \
         {LETTER_BYTES} (the demo firm's three months: 933 a record, 4532 the words of a letter); {MONTHS_KEPT} months \
         are kept. A page is {PAGE_BYTES} bytes, a call logs {LOG_BYTES}, a commit is {EVENTS_PER_COMMIT} entries on the bus. \
         Lambda asks an empty queue {EMPTY_POLLS} times a minute, DynamoDB its key every {KEY_ASKED_EVERY} minutes for each \
         function. Metrics are those that alarms and dashboard name; a kind of letter or a gateway told apart is one more.\n",
        firms(1_000_000),
        OF_FIRM_DAYS.count
    ));
    text
}

fn activity_row(of: &activity::Activity, sources: &Sources) -> String {
    let (reads, writes) = of.takes.halves(sources);
    let case = match of.takes {
        Takes::UseCase(name) => format!("\"{name}\""),
        Takes::Due => "[a day of 100 000 clients](measured.md#a-day-of-100-000-clients)".to_owned(),
        Takes::Estimate(..) => "an estimate".to_owned(),
    };
    format!(
        "| {} | {} | {} | {} | {} | {case} |\n",
        of.what,
        grouped(of.count),
        halves(reads),
        halves(writes),
        of.milliseconds
    )
}

fn units(bills: &[Bill]) -> String {
    let mut text = format!("\n## Units\n\n{}", heading(bills, "part, unit"));
    for (index, part) in lines(bills) {
        let mut cells = Vec::new();
        let mut unit = "";
        for line in of_part(bills, index) {
            cells.push(grouped(line.units));
            unit = line.price.unit;
        }
        text.push_str(&format!("| {part}, {unit} | {} |\n", cells.join(" | ")));
    }
    text
}

fn prices() -> String {
    let mut text = format!(
        "\n## Prices\n\nRead on {READ_ON}, in dollars, us-east-1. AWS's own pages show most prices by script, so most sources are \
         others that name theirs; what no page could be found for is marked. Look at \
         [calculator.aws](https://calculator.aws) before a budget is made of it.\n\n| of | dollars | source |\n|---|---:|---|\n"
    );
    for price in ALL {
        let source = price.source.unwrap_or("**not verified**");
        text.push_str(&format!("| {} | {} | {source} |\n", price.unit, price.says));
    }
    text.push_str(
        "\nNot reckoned: SNS and its mails (alarms are few), Lambda's reading of the table's stream (free), what SES asks for \
         attachments (there are none), the first years' rotations of keys (a dollar more for each of two), Cognito (10 000 \
         people a month are free).\n",
    );
    text
}

fn consumed(sources: &Sources) -> String {
    let mut text = format!(
        "\n## What each use case consumes\n\nMeasured from `ConsumedCapacity`, indexes included, and asserted to the half unit by \
         [{ASSERTED}](../{ASSERTED}), so that it can't rise unnoticed. How large functions are and how fast they start is in \
         [measured.md](measured.md#start-and-size-of-each-function).\n\n| use case | read units | write units | calls |\n\
         |---|---:|---:|---:|\n"
    );
    for (name, of) in &sources.capacity {
        text.push_str(&format!(
            "| {name} | {} | {} | {} |\n",
            halves(of.half_reads),
            halves(of.half_writes),
            of.calls
        ));
    }
    text
}

/// Half units as people write them.
fn halves(count: u64) -> String {
    match count % 2 {
        0 => grouped(count / 2),
        _ => format!("{}.5", grouped(count / 2)),
    }
}

/// Micro-dollars as dollars and cents; what is less than one is told as such.
fn dollars(micros: u64) -> String {
    let cents = (micros + 5_000) / 10_000;
    match (micros, cents) {
        (0, _) => "0".to_owned(),
        (_, 0) => "< 0.01".to_owned(),
        _ => format!("{}.{:02}", grouped(cents / 100), cents % 100),
    }
}

/// With spaces between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if 0 < place && (digits.len() - place).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::sources::tests::sources;
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(
            (grouped(0), grouped(999), grouped(1_000), grouped(12_345_678)),
            ("0".to_owned(), "999".to_owned(), "1 000".to_owned(), "12 345 678".to_owned())
        );
        assert_eq!((halves(0), halves(1), halves(34)), ("0".into(), "0.5".into(), "17".into()));
        for (micros, expected) in
            [(0, "0"), (4_999, "< 0.01"), (5_000, "0.01"), (1_234_567_890, "1 234.57")]
        {
            assert_eq!(dollars(micros), expected);
        }
    }

    #[test]
    fn every_part_price_and_use_case_is_on_the_page() {
        let sources = sources();
        let page = render(&sources, &[0, 100]);
        for line in Bill::of(100, &sources).lines {
            assert_eq!(page.matches(&format!("| {} |", line.part)).count(), 1, "{}", line.part);
        }
        for name in sources.capacity.keys() {
            assert!(page.contains(&format!("| {name} |")), "{name}");
        }
        assert_eq!(page.matches("**not verified**").count(), 1, "say so on the page, and here");
    }
}
