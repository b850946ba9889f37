//! `portcullis queue`: the messages that nobody could handle, the dead letters, and their redrive.
//!
//! It reads and writes the data folder, beside a running system or without one. Lists name firms, clients
//! and numbers, never what a message says beyond that: a message that can't be understood may hold anything
//! (SEC-5).

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};
use platform::batch::parse;
use serde_json::{Value, json};
use services::correspondence::LetterMessage;
use services::day::Evaluation;

use super::Verdict;
use crate::dead_letters::{DeadLetter, DeadLetters};
use crate::place::DATA;
use crate::queue::{EVALUATIONS, LETTERS};

/// The queues that there are.
const QUEUES: [&str; 2] = [LETTERS, EVALUATIONS];

/// What to do with which.
#[derive(Debug, Args)]
#[command(after_help = "\
On AWS the same is done with the dead-letter queues of SQS, portcullis-STAGE-letters-dead and \
portcullis-STAGE-evaluations-dead: look with `aws sqs receive-message`, replay with `aws sqs \
start-message-move-task --source-arn ARN-OF-THE-DEAD-LETTER-QUEUE` or \"Start DLQ redrive\" in the console. \
What is replayed is a message like any other: what it asks for is done once, however often it comes.")]
pub struct Arguments {
    /// What.
    #[command(subcommand)]
    pub act: Act,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Act {
    /// List the dead letters: what they ask for and for whom, without what else they hold.
    List {
        /// Of one queue alone.
        #[arg(long, value_name = "NAME", value_parser = QUEUES)]
        queue: Option<String>,
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
        /// Where the system is.
        #[command(flatten)]
        place: Folder,
    },
    /// Show one dead letter.
    Show {
        /// Its name in the list.
        id: String,
        /// Also print the message itself, which may hold personal data.
        #[arg(long)]
        body: bool,
        /// Where the system is.
        #[command(flatten)]
        place: Folder,
    },
    /// Have dead letters handled again, after what made them fail is gone (SQS calls it redrive).
    #[command(visible_alias = "redrive")]
    Replay {
        /// Their names in the list.
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        ids: Vec<String>,
        /// All there are.
        #[arg(long)]
        all: bool,
        /// With --all, of one queue alone.
        #[arg(long, value_name = "NAME", value_parser = QUEUES, requires = "all")]
        queue: Option<String>,
        /// Where the system is.
        #[command(flatten)]
        place: Folder,
    },
}

/// Where dead letters are.
#[derive(Debug, Clone, Args)]
pub struct Folder {
    /// The folder of a system on this machine, which may be running.
    #[arg(long, value_name = "DIR", default_value = DATA)]
    pub data: PathBuf,
}

/// A dead letter, and where it is.
struct Found {
    queue: &'static str,
    letter: DeadLetter,
    is_asked: bool,
}

/// Runs it.
///
/// # Errors
/// When the folder can't be read or written, or there is no such dead letter.
pub fn run(arguments: &Arguments) -> Result<Verdict> {
    match &arguments.act {
        Act::List { queue, json, place } => list(&place.all(queue.as_deref())?, *json),
        Act::Show { id, body, place } => show(&place.one(id)?, *body),
        Act::Replay { ids, all: false, place, .. } => {
            let found: Result<Vec<_>> = ids.iter().map(|id| place.one(id)).collect();
            replay(&found?, place)
        }
        Act::Replay { queue, place, .. } => replay(&place.all(queue.as_deref())?, place),
    }
}

impl Folder {
    fn letters(&self, queue: &str) -> Result<DeadLetters> {
        let data = &self.data;
        ensure!(data.is_dir(), "{} is not the folder of a system on this machine", data.display());
        DeadLetters::open(data, queue).context("can't open the dead letters")
    }

    fn all(&self, only: Option<&str>) -> Result<Vec<Found>> {
        let mut found = Vec::new();
        for queue in QUEUES.into_iter().filter(|queue| only.is_none_or(|only| only == *queue)) {
            let letters = self.letters(queue)?;
            let asked = letters.asked()?;
            found.extend(letters.list()?.into_iter().map(|letter| {
                let is_asked = asked.contains(&letter.id);
                Found { queue, letter, is_asked }
            }));
        }
        Ok(found)
    }

    fn one(&self, id: &str) -> Result<Found> {
        let found = self.all(None)?.into_iter().find(|found| found.letter.id == id);
        found.with_context(|| {
            format!("there is no dead letter {id:?}: `portcullis queue list` names those there are")
        })
    }
}

fn list(all: &[Found], as_json: bool) -> Result<Verdict> {
    let mut out = io::stdout().lock();
    if all.is_empty() && !as_json {
        writeln!(out, "no dead letters")?;
    }
    for found in all {
        if as_json {
            writeln!(out, "{}", found.json())?;
        } else {
            writeln!(out, "{}  {}  {}", found.letter.id, found.when(), found.about())?;
        }
    }
    Ok(Verdict::Done)
}

fn show(found: &Found, with_body: bool) -> Result<Verdict> {
    let letter = &found.letter;
    let mut out = io::stdout().lock();
    writeln!(out, "{} of the queue {}", letter.id, found.queue)?;
    writeln!(out, "  asks for   {}", found.about())?;
    writeln!(out, "  tried      {} times", letter.receive_count)?;
    writeln!(out, "  dead since {}", found.when())?;
    writeln!(out, "  why        the log of the system says so, at message {}", letter.id)?;
    if found.is_asked {
        writeln!(out, "  replay     asked for, and not done with yet")?;
    } else {
        writeln!(out, "  replay     portcullis queue replay {}", letter.id)?;
    }
    if with_body {
        writeln!(out, "\n{}", letter.body)?;
    }
    Ok(Verdict::Done)
}

fn replay(chosen: &[Found], place: &Folder) -> Result<Verdict> {
    let mut out = io::stdout().lock();
    for found in chosen {
        place.letters(found.queue)?.ask(&found.letter.id)?;
        writeln!(out, "{}  {}", found.letter.id, found.about())?;
    }
    match chosen.len() {
        0 => writeln!(out, "no dead letters")?,
        many => writeln!(
            out,
            "{many} to be handled again: at once by a running `portcullis up`, else by the next one"
        )?,
    }
    Ok(Verdict::Done)
}

impl Found {
    fn when(&self) -> String {
        let died_at = self.letter.died_at;
        died_at.map_or("?".to_owned(), |at| at.format("%Y-%m-%d %H:%M:%S UTC").to_string())
    }

    /// What it asks for, in ids; of what can't be understood only how it is wrong.
    fn about(&self) -> String {
        let body = &self.letter.body;
        let described = match self.queue {
            LETTERS => parse(body).map(|letter: LetterMessage| {
                let stuck = if letter.stuck { ", claimed and not heard of since" } else { "" };
                let LetterMessage { firm, client, letter, .. } = letter;
                format!("letter {} to client {client} of firm {firm}{stuck}", letter.0)
            }),
            _ => parse(body).map(|evaluation: Evaluation| match evaluation {
                Evaluation::Shard { firm, day, shard } => {
                    format!("the run of {day} at firm {firm}, part {shard}")
                }
                Evaluation::Run { firm, day } => format!("the run of {day} at firm {firm}"),
                Evaluation::Class { firm, class, version, .. } => {
                    format!("all clients of class {class} of firm {firm}, policy version {version}")
                }
                Evaluation::Preview { firm, preview } => format!("{preview} of firm {firm}"),
                Evaluation::Clients { firm, day, clients } => {
                    let clients: Vec<_> = clients.iter().map(ToString::to_string).collect();
                    format!("the day {day} of clients {} of firm {firm}", clients.join(", "))
                }
            }),
        };
        described.unwrap_or_else(|error| format!("{error} ({} bytes)", body.len()))
    }

    fn json(&self) -> Value {
        json!({
            "id": self.letter.id,
            "queue": self.queue,
            "about": self.about(),
            "receive_count": self.letter.receive_count,
            "died_at": self.letter.died_at,
            "is_replay_asked": self.is_asked,
        })
    }
}
