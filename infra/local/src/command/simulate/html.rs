//! A simulation as a page of its own: charts with their numbers beside them, in one file that needs nothing else.
//!
//! No script, no font, no address outside of it; readable in light and dark, on a phone, and by a screen reader, which
//! is told each chart in a sentence and finds its numbers in a table. Two policies differ in pattern and not only
//! in colour.

use askama::Template;
use chrono::{Datelike, Days};
use domain::calendar::{Day, days_between, for_person};
use domain::letter::LetterKind;
use domain::money::{Currency, Money};
use domain::whatif::Count;

use super::table::{currencies, kinds, measures, name, words};
use super::{Simulation, count};

/// So many days are shown one by one, and so many by weeks; longer ones by months.
const DAILY: u32 = 62;
const WEEKLY: u32 = 430;

/// A chart's drawing area, in its own units: the axis' numbers stand to its left, the periods' names below.
const LEFT: u64 = 56;
const WIDTH: u64 = 900;
const TOP: u64 = 10;
const HEIGHT: u64 = 200;
const BELOW: u64 = 30;

/// How many periods are named below a chart.
const NAMED: usize = 12;

/// How many lines a chart has between nothing and its most.
const LINES: u64 = 4;

#[derive(Template)]
#[template(path = "simulate.html")]
struct Page<'a> {
    from: String,
    to: String,
    clients: String,
    invoices: String,
    simulation: &'a Simulation,
    policies: Vec<&'a str>,
    heads: Vec<String>,
    totals: Vec<(String, Vec<String>)>,
    period: &'static str,
    charts: Vec<Chart>,
    days: Vec<Line>,
}

/// A chart and the table beside it.
struct Chart {
    title: String,
    sentence: String,
    lines: Vec<(u64, String)>,
    bars: Vec<Bar>,
    names: Vec<(u64, String)>,
    rows: Vec<(String, Vec<String>)>,
}

struct Bar {
    x: u64,
    y: u64,
    width: u64,
    height: u64,
    run: usize,
    title: String,
}

/// A day of a run, in words.
struct Line {
    day: Day,
    run: String,
    words: String,
}

/// Makes the page.
///
/// # Errors
/// None that its data could bring about.
pub(super) fn page(simulation: &Simulation) -> askama::Result<String> {
    let heads: Vec<_> = simulation.runs.iter().map(super::Run::name).collect();
    let (period, begins): (_, fn(Day) -> Day) = match days_between(simulation.from, simulation.to) {
        days if days <= DAILY => ("day", |day| day),
        days if days <= WEEKLY => ("week", monday),
        _ => ("month", |day| day.with_day(1).unwrap_or(day)),
    };
    let page = Page {
        from: for_person(simulation.from),
        to: for_person(simulation.to),
        clients: count(simulation.clients as u64, "client"),
        invoices: count(simulation.invoices, "invoice"),
        simulation,
        policies: simulation
            .runs
            .iter()
            .filter(|run| !run.is_assumed)
            .map(|run| run.label.as_str())
            .collect(),
        totals: measures(simulation),
        period,
        charts: charts(simulation, &heads, period, begins),
        days: days(simulation, &heads),
        heads,
    };
    page.render()
}

impl Page<'_> {
    /// The drawing's own size.
    fn view_box(&self) -> String {
        format!("0 0 {} {}", LEFT + WIDTH + 8, TOP + HEIGHT + BELOW)
    }

    fn right(&self) -> u64 {
        LEFT + WIDTH
    }

    fn left(&self) -> u64 {
        LEFT
    }

    fn base(&self) -> u64 {
        TOP + HEIGHT
    }
}

fn monday(day: Day) -> Day {
    let since = day.weekday().num_days_from_monday();
    day.checked_sub_days(Days::new(u64::from(since))).unwrap_or(day)
}

/// What is drawn: its title, its number of a day, and how that reads.
type Drawn = (String, Box<dyn Fn(&Count) -> u64>, Box<dyn Fn(u64) -> String>);

fn charts(
    simulation: &Simulation,
    heads: &[String],
    period: &str,
    begins: fn(Day) -> Day,
) -> Vec<Chart> {
    let periods = periods(simulation, begins);
    drawn(simulation)
        .into_iter()
        .map(|(title, number, text)| {
            let mut values = vec![vec![0_u64; simulation.runs.len()]; periods.len()];
            for (index, run) in simulation.runs.iter().enumerate() {
                for (day, count) in &run.outcome.days {
                    let begin = begins(*day);
                    if let Ok(place) = periods.binary_search(&begin) {
                        values[place][index] += number(count);
                    }
                }
            }
            chart(title, heads, period, &periods, &values, &*text)
        })
        .collect()
}

fn drawn(simulation: &Simulation) -> Vec<Drawn> {
    let plain = || -> Box<dyn Fn(u64) -> String> { Box::new(|number| number.to_string()) };
    let mut drawn: Vec<Drawn> = vec![
        ("Clients locked".to_owned(), Box::new(|count| count.locks), plain()),
        ("Clients opened again".to_owned(), Box::new(|count| count.unlocks), plain()),
        ("People touched, each day's added up".to_owned(), Box::new(|count| count.people), plain()),
    ];
    for kind in kinds(simulation).into_iter().filter(|kind| *kind != LetterKind::Receipt) {
        let number = move |count: &Count| count.letters(kind);
        drawn.push((format!("Letters: {}", name(kind)), Box::new(number), plain()));
    }
    for currency in currencies(simulation) {
        let number = move |count: &Count| count.fees.get(&currency).copied().unwrap_or(0);
        drawn.push((format!("Fees in {currency}"), Box::new(number), money(currency)));
    }
    drawn
}

fn money(currency: Currency) -> Box<dyn Fn(u64) -> String> {
    Box::new(move |minor| Money::new(minor, currency).amount())
}

/// The first days of all periods, those without anything among them.
fn periods(simulation: &Simulation, begins: fn(Day) -> Day) -> Vec<Day> {
    let all = simulation.from.iter_days().take_while(|day| *day <= simulation.to);
    let mut periods: Vec<_> = all.map(begins).collect();
    periods.dedup();
    periods
}

fn chart(
    title: String,
    heads: &[String],
    period: &str,
    periods: &[Day],
    values: &[Vec<u64>],
    text: &dyn Fn(u64) -> String,
) -> Chart {
    let most = values.iter().flatten().copied().max().unwrap_or(0);
    let top = rounded_up(most);
    let runs = heads.len() as u64;
    let places = periods.len().max(1) as u64;
    let place = |index: usize| LEFT + WIDTH * index as u64 / places;
    let mut bars = Vec::new();
    for (index, of_runs) in values.iter().enumerate() {
        let (begin, end) = (place(index), place(index + 1));
        let room = (end - begin).max(1);
        for (run, value) in of_runs.iter().enumerate().filter(|(_, value)| 0 < **value) {
            let height = (HEIGHT * value / top.max(1)).max(1);
            bars.push(Bar {
                x: begin + room * run as u64 / runs,
                y: TOP + HEIGHT - height,
                width: (room / runs).saturating_sub(u64::from(4 < room / runs)).max(1),
                height,
                run,
                title: format!("{period} of {}: {}, {}", periods[index], text(*value), heads[run]),
            });
        }
    }
    let lines =
        (0..=LINES).map(|line| (TOP + HEIGHT - HEIGHT * line / LINES, text(top * line / LINES)));
    let every = periods.len().div_ceil(NAMED).max(1);
    let named = periods.iter().enumerate().step_by(every);
    let rows = periods.iter().zip(values).filter(|(_, values)| values.iter().any(|v| 0 < *v));
    Chart {
        sentence: format!(
            "{title} per {period}, at most {}; the numbers are in the table.",
            text(most)
        ),
        title,
        lines: lines.collect(),
        bars,
        names: named.map(|(index, day)| (place(index), day.to_string())).collect(),
        rows: rows
            .map(|(day, values)| (day.to_string(), values.iter().map(|v| text(*v)).collect()))
            .collect(),
    }
}

/// The next number that the lines of a chart divide, so that each stands for a whole one.
fn rounded_up(most: u64) -> u64 {
    let mut step = 1;
    loop {
        for factor in [1, 2, 5] {
            let top = step * factor * LINES;
            if most <= top {
                return top;
            }
        }
        step *= 10;
    }
}

fn days(simulation: &Simulation, heads: &[String]) -> Vec<Line> {
    let mut lines: Vec<_> = simulation
        .runs
        .iter()
        .zip(heads)
        .flat_map(|(run, head)| {
            let line = |(day, count): &(Day, Count)| Line {
                day: *day,
                run: head.clone(),
                words: words(count),
            };
            run.outcome.days.iter().map(line)
        })
        .collect();
    lines.sort_by_key(|line| line.day);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_ends_at_a_number_that_its_lines_divide() {
        for (most, top) in
            [(0, 4), (1, 4), (4, 4), (5, 8), (9, 20), (21, 40), (81, 200), (1_999, 2_000)]
        {
            assert_eq!(rounded_up(most), top, "for {most}");
        }
    }

    #[test]
    fn weeks_begin_on_monday() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        for (of, expected) in [
            ("2026-03-02", "2026-03-02"),
            ("2026-03-08", "2026-03-02"),
            ("2026-03-09", "2026-03-09"),
        ] {
            assert_eq!(monday(day(of)), day(expected));
        }
    }
}
