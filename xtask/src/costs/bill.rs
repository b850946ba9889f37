//! The bill of a month: for each part so many units, at the price of one.

use super::activity::{
    ARCHIVED_BYTES, Activity, CLIENTS_PER_FIRM, COMMIT_BYTES, EMPTY_POLLS, EVENTS_PER_COMMIT,
    KEY_ASKED_EVERY, LETTER_BYTES, LOG_BYTES, LOOK_MILLISECONDS, LOOKS, MONTHS_KEPT, OF_CLIENTS,
    OF_FIRM_DAYS, PAGE_BYTES, REQUESTS_PER_MESSAGE, STREAM_CALLS_A_SECOND, STREAM_MILLISECONDS,
};
use super::prices::{self, Price};
use super::sources::{MINUTES, Sources};

/// For how many clients the page has a column; with none it is what stands there whoever comes.
pub const SIZES: [u64; 4] = [0, 100, 10_000, 1_000_000];

/// The days of the month.
const DAYS: u64 = 30;

/// Activities are counted for so many clients.
const THOUSAND: u64 = 1_000;

/// Bytes of a MB, as prices have it.
const MB: u64 = 1_000_000;

/// Traces are recorded of the first request of a second, and of one in twenty of the others.
const TRACED: u64 = 20;

/// One part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub part: &'static str,
    pub price: &'static Price,
    pub units: u64,
}

/// A month's bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    pub clients: u64,
    pub lines: Vec<Line>,
}

impl Line {
    /// In micro-dollars, the next whole one.
    pub fn micros(&self) -> u64 {
        let micros = u128::from(self.units) * u128::from(self.price.micros_per_million);
        u64::try_from(micros.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }
}

impl Bill {
    /// All parts together.
    pub fn micros(&self) -> u64 {
        self.lines.iter().map(Line::micros).sum()
    }

    /// The bill of so many clients.
    pub fn of(clients: u64, sources: &Sources) -> Self {
        let month = Month::of(clients, sources);
        Self { clients, lines: month.lines(sources) }
    }
}

/// How many firms have so many clients.
pub fn firms(clients: u64) -> u64 {
    clients.div_ceil(CLIENTS_PER_FIRM)
}

/// What happens in a month.
#[derive(Debug, Default)]
struct Month {
    half_reads: u64,
    half_writes: u64,
    invocations: u64,
    milliseconds: u64,
    requests: u64,
    pages: u64,
    messages: u64,
    commits: u64,
    letters: u64,
}

impl Month {
    fn of(clients: u64, sources: &Sources) -> Self {
        let mut month = Self::default();
        for activity in &OF_CLIENTS {
            month.add(activity, (clients * activity.count).div_ceil(THOUSAND), sources);
        }
        let day = OF_FIRM_DAYS;
        month.add(&day, firms(clients) * DAYS * day.count, sources);
        for minutes in &sources.stack.schedules {
            month.looks(*minutes, sources);
        }
        // Two halves, each called for what came since the last call.
        let most = STREAM_CALLS_A_SECOND * MINUTES * 60;
        month.called(2 * month.commits.min(most), STREAM_MILLISECONDS);
        month
    }

    fn add(&mut self, activity: &Activity, times: u64, sources: &Sources) {
        let (half_reads, half_writes) = activity.takes.halves(sources);
        self.half_reads += times * half_reads;
        self.half_writes += times * half_writes;
        if 0 < activity.milliseconds {
            self.called(times, activity.milliseconds);
        }
        self.requests += times * u64::from(activity.is_request);
        self.pages += times * u64::from(activity.is_request && !activity.is_commit);
        self.messages += times * u64::from(activity.is_message);
        self.commits += times * u64::from(activity.is_commit);
        let is_letter = activity.is_message && activity.is_commit;
        self.letters += times * u64::from(is_letter);
    }

    fn looks(&mut self, minutes: u64, sources: &Sources) {
        let times = MINUTES / minutes.max(1);
        self.called(times, LOOK_MILLISECONDS);
        if let Some((_, name)) = LOOKS.iter().find(|(of, _)| *of == minutes) {
            self.half_reads += times * sources.consumed(name).half_reads;
        }
    }

    fn called(&mut self, times: u64, milliseconds: u64) {
        self.invocations += times;
        self.milliseconds += times * milliseconds;
    }

    fn lines(&self, sources: &Sources) -> Vec<Line> {
        let stack = &sources.stack;
        let line = |part, price, units| Line { part, price, units };
        let kept = MONTHS_KEPT * (self.commits * COMMIT_BYTES + self.letters * LETTER_BYTES);
        let table = kept.div_ceil(MB);
        let archive = (MONTHS_KEPT * self.commits * ARCHIVED_BYTES).div_ceil(MB);
        let polls = stack.fed_queues * EMPTY_POLLS * MINUTES;
        let keys = stack.functions * MINUTES / KEY_ASKED_EVERY;
        let first = self.invocations.min(MINUTES * 60);
        let traces = first + (self.invocations - first) / TRACED;
        vec![
            line("Keys", &prices::KEYS, stack.keys),
            line("What is asked of them", &prices::KEY_REQUESTS, keys),
            line("Alarms", &prices::ALARMS, stack.alarms),
            line("Dashboard", &prices::DASHBOARDS, stack.dashboards),
            line("Metrics", &prices::METRICS, stack.metrics),
            line("Queues", &prices::QUEUE_REQUESTS, polls + self.messages * REQUESTS_PER_MESSAGE),
            line("Table: writes", &prices::WRITES, self.half_writes.div_ceil(2)),
            line("Table: reads", &prices::READS, self.half_reads.div_ceil(2)),
            line("Table: what it holds after a year", &prices::TABLE_MB, table),
            line("Table: point-in-time recovery", &prices::RECOVERY_MB, table),
            line("Functions: calls", &prices::INVOCATIONS, self.invocations),
            line(
                "Functions: time",
                &prices::GB_MILLISECONDS,
                (self.milliseconds * stack.memory).div_ceil(1_024),
            ),
            line("API", &prices::REQUESTS, self.requests),
            line("Pages that go out", &prices::OUT_MB, (self.pages * PAGE_BYTES).div_ceil(MB)),
            line("Letters", &prices::LETTERS, self.letters),
            line("Event bus", &prices::EVENTS, self.commits * EVENTS_PER_COMMIT),
            // The record, and what notes how far its chain came.
            line("Archive: written", &prices::PUTS, self.commits * 2),
            // Whether it is there, and whether the one before is.
            line("Archive: looked at", &prices::GETS, self.commits * 2),
            line("Archive: what it holds after a year", &prices::ARCHIVE_MB, archive),
            line("Logs", &prices::LOG_MB, (self.invocations * LOG_BYTES).div_ceil(MB)),
            line("Traces", &prices::TRACES, traces),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::super::sources::tests::sources;
    use super::*;

    /// Numbers of clients from none to millions, and their neighbours.
    fn sizes() -> Vec<u64> {
        let powers = (0..24).map(|power| 1_u64 << power);
        let mut sizes: Vec<_> = powers.flat_map(|size| [size - 1, size, size + 1]).collect();
        sizes.extend(SIZES);
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }

    #[test]
    fn more_clients_never_cost_less_in_any_part() {
        let sources = sources();
        let bills: Vec<_> = sizes().into_iter().map(|size| Bill::of(size, &sources)).collect();
        for pair in bills.windows(2) {
            let [less, more] = pair else { panic!("pairs") };
            assert!(less.micros() <= more.micros(), "{} and {}", less.clients, more.clients);
            for (less, more) in less.lines.iter().zip(&more.lines) {
                assert_eq!(less.part, more.part);
                assert!(less.units <= more.units, "{}", less.part);
            }
        }
    }

    #[test]
    fn the_total_is_the_sum_of_its_parts_and_each_part_is_told_once() {
        let sources = sources();
        for size in sizes() {
            let bill = Bill::of(size, &sources);
            let sum: u64 = bill.lines.iter().map(Line::micros).sum();
            assert_eq!(bill.micros(), sum);
            let mut parts: Vec<_> = bill.lines.iter().map(|line| line.part).collect();
            parts.sort_unstable();
            parts.dedup();
            assert_eq!(parts.len(), bill.lines.len());
            for line in &bill.lines {
                assert!(prices::ALL.contains(&line.price), "{} is not on the page", line.part);
            }
        }
    }

    #[test]
    fn ten_times_the_clients_cost_at_most_ten_times_as_much() {
        let sources = sources();
        for size in sizes().into_iter().filter(|size| 1_000 <= *size) {
            let (one, ten) = (Bill::of(size, &sources), Bill::of(10 * size, &sources));
            assert!(ten.micros() <= 10 * one.micros(), "{size}");
        }
    }

    #[test]
    fn what_nobody_uses_costs_what_stands_in_the_template() {
        let sources = sources();
        let bill = Bill::of(0, &sources);
        let of = |part: &str| bill.lines.iter().find(|line| line.part == part).unwrap().micros();
        assert_eq!(of("Keys"), 2_000_000);
        assert_eq!(of("Alarms"), sources.stack.alarms * 100_000);
        assert_eq!((of("Letters"), of("Table: writes"), of("API")), (0, 0, 0));
    }

    #[test]
    fn a_part_of_a_micro_dollar_is_a_whole_one() {
        let line = |units| Line { part: "x", price: &prices::READS, units };
        let micros = |units| line(units).micros();
        assert_eq!((micros(0), micros(1), micros(8), micros(9)), (0, 1, 1, 2));
    }
}
