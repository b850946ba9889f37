//! Ten years of a ledger under the preset, beside one year of it: evaluations, memory, and the time it takes beside
//! that of only reading the file.
//!
//! Each simulation is a process of its own, which says its highest memory when it is done. That neither evaluations
//! nor what is in memory grow is a test (`shared/domain/tests/whatif.rs`).

#![allow(clippy::unwrap_used, reason = "a measurement that can't go on stops")]
#![allow(clippy::float_arithmetic, reason = "ratios of times and sizes")]

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use clap::Parser;
use portcullis::command::{Cli, run};
use serde_json::Value;

/// With one invoice a month each.
const CLIENTS: u32 = 200;

/// Rounds: odd, for the one in the middle.
const ROUNDS: usize = 3;

/// What tells this program that it is to play and not to measure.
const PLAY: &str = "PORTCULLIS_BENCH_PLAY";

/// What it took to play so many years.
struct Played {
    invoices: usize,
    kib: f64,
    seconds: f64,
    reading: f64,
    evaluations: f64,
    decided: f64,
}

fn main() -> ExitCode {
    if let Ok(arguments) = env::var(PLAY) {
        return play(&arguments);
    }
    let folder = tempfile::TempDir::new().unwrap();
    let [one, ten] = [1, 10].map(|years| measured(folder.path(), years));
    println!("| of {CLIENTS} clients | 1 year | 10 years |\n|---|---|---|");
    println!("| invoices | {} | {} |", one.invoices, ten.invoices);
    println!("| evaluations | {} | {} |", one.evaluations, ten.evaluations);
    println!(
        "| days of a client on which something is decided | {} | {} |",
        one.decided, ten.decided
    );
    let ratio = |played: &Played| played.evaluations / played.decided;
    println!("| **evaluations per such day** | **{:.3}** | **{:.3}** |", ratio(&one), ratio(&ten));
    println!("| highest memory, MiB | {:.1} | {:.1} |", one.kib / 1024.0, ten.kib / 1024.0);
    println!("| **times the memory of one year** | 1.00 | **{:.2}** |", ten.kib / one.kib);
    let ratio = |played: &Played| played.seconds / played.reading;
    println!(
        "| **times the reading of the same file** | **{:.1}** | **{:.1}** |",
        ratio(&one),
        ratio(&ten)
    );
    ExitCode::SUCCESS
}

/// The child: plays, and says what it took.
fn play(arguments: &str) -> ExitCode {
    let begun = Instant::now();
    let code = run(&Cli::parse_from(arguments.split('\n')));
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let highest = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = highest.and_then(|text| text.split_whitespace().next()).unwrap_or("0");
    eprintln!("{} {kib}", begun.elapsed().as_micros());
    code
}

fn measured(folder: &Path, years: u32) -> Played {
    let file = folder.join(format!("{years}.csv"));
    let text = ledger(years);
    fs::write(&file, &text).unwrap();
    let to = format!("{}-12-31", 2015 + years);
    let arguments = [
        "portcullis",
        "simulate",
        "--json",
        "--policy",
        "preset:cpa",
        "--from",
        "2016-01-01",
        "--to",
        &to,
        "--invoices",
        &file.display().to_string(),
    ]
    .join("\n");
    let mut rounds: Vec<(f64, f64, Value)> = (0..ROUNDS).map(|_| round(&arguments)).collect();
    rounds.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (micros, kib, total) = rounds.swap_remove(ROUNDS / 2);
    let mut readings: Vec<f64> = (0..ROUNDS).map(|_| reading(&file)).collect();
    readings.sort_by(f64::total_cmp);
    Played {
        invoices: text.lines().count() - 1,
        kib,
        seconds: micros / 1e6,
        reading: readings[ROUNDS / 2],
        evaluations: total["evaluations"].as_f64().unwrap(),
        decided: total["days_decided"].as_f64().unwrap(),
    }
}

fn round(arguments: &str) -> (f64, f64, Value) {
    let output = Command::new(env::current_exe().unwrap()).env(PLAY, arguments).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    let mut numbers = told.split_whitespace().map(|number| number.parse::<f64>().unwrap());
    let printed = String::from_utf8(output.stdout).unwrap();
    let total: Value = serde_json::from_str(printed.lines().last().unwrap()).unwrap();
    (numbers.next().unwrap(), numbers.next().unwrap(), total["total"].clone())
}

/// Seconds of only reading it, cell by cell.
fn reading(file: &Path) -> f64 {
    let begun = Instant::now();
    let mut cells = 0;
    for record in csv::Reader::from_path(file).unwrap().byte_records() {
        cells += record.unwrap().len();
    }
    assert!(0 < cells);
    begun.elapsed().as_secs_f64()
}

/// A bill a month for each client: most pay in time, some late, a few much later, one in forty never.
fn ledger(years: u32) -> String {
    let mut text = "client,contact_email,invoice,issued,currency,amount,paid_on\n".to_owned();
    for month in 0..years * 12 {
        for client in 0..CLIENTS {
            let day = 1 + (client * 7) % 28;
            let issued = format!("{}-{:02}-{day:02}", 2016 + month / 12, 1 + month % 12);
            let draw = (client * 31 + month * 17 + client * month) % 100;
            let after = match draw {
                0..70 => Some(5 + draw % 25),
                70..88 => Some(32 + draw % 15),
                88..97 => Some(50 + draw % 30),
                _ if client % 40 == 0 => None,
                _ => Some(95),
            };
            let paid_on = after.map_or_else(String::new, |days| {
                let issued: domain::calendar::Day = issued.parse().unwrap();
                domain::calendar::plus(issued, days).to_string()
            });
            let amount = 50 + draw * 13;
            let _ = writeln!(
                text,
                "c-{client:04},c{client}@clients.example,B-{client:04}-{month:03},{issued},USD,{amount}.00,{paid_on}"
            );
        }
    }
    text
}
