//! How long a function takes to start: from exec until it asks Lambda for its first event.
//!
//! Lambda's part is a listener on this machine. The programs take turns, so that whatever else the machine
//! does disturbs all of them alike, and the medians are compared. All of them are run once before, so that
//! they are in memory: what a cold disk costs on top follows the size.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How often each is started: odd, for the one in the middle.
const ROUNDS: usize = 31;

/// Far more than any start takes; a program that needs longer won't ask at all.
const PATIENCE: Duration = Duration::from_secs(10);

/// What Lambda is asked for the next event with.
const NEXT: &str = "GET /2018-06-01/runtime/invocation/next ";

/// What Lambda and the template set, of all functions; nobody is asked at any of these addresses.
const VARIABLES: [(&str, &str); 22] = [
    ("AWS_LAMBDA_FUNCTION_NAME", "measured"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", "measured"),
    ("AWS_LAMBDA_LOG_STREAM_NAME", "measured"),
    ("AWS_REGION", "us-east-1"),
    ("AWS_ACCESS_KEY_ID", "none"),
    ("AWS_SECRET_ACCESS_KEY", "none"),
    ("AWS_SESSION_TOKEN", "none"),
    ("PORTCULLIS_STAGE", "production"),
    ("PORTCULLIS_TABLE", "portcullis"),
    ("PORTCULLIS_LETTERS_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/letters"),
    ("PORTCULLIS_EVALUATIONS_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/days"),
    ("PORTCULLIS_PUBLIC_URL", "https://portal.example"),
    ("PORTCULLIS_ISSUER_URL", "https://issuer.example"),
    ("PORTCULLIS_ISSUER_AUDIENCE", "portcullis"),
    ("PORTCULLIS_ISSUER_SAYS_MFA", "true"),
    ("PORTCULLIS_MAIL_CONFIGURATION", "portcullis"),
    ("PORTCULLIS_SECRETS_KEY", "alias/portcullis"),
    ("PORTCULLIS_EVENT_BUS", "portcullis"),
    ("PORTCULLIS_ARCHIVE_BUCKET", "portcullis-archive"),
    ("TZ", ":UTC"),
];

/// A program that runs as a function.
pub struct Program {
    /// The function's name.
    pub name: String,
    /// The program.
    pub path: PathBuf,
}

/// Starts all of them in turn; a table of how long they took beside the first, and how large they are.
pub fn measure(hello: &Program, functions: &[Program]) -> Result<String> {
    let lambda = Lambda::open()?;
    let programs: Vec<_> = [hello].into_iter().chain(functions).collect();
    for program in &programs {
        lambda.start(program)?;
    }
    let mut took = vec![Vec::new(); programs.len()];
    for _ in 0..ROUNDS {
        for (program, took) in programs.iter().zip(&mut took) {
            took.push(lambda.start(program)?);
        }
    }
    let base = median(&mut took[0]);
    let mut table = String::from(
        "| function | exec to first poll, median of 31 | times `hello` | MiB |\n|---|---|---|---|",
    );
    for (program, took) in programs.iter().zip(&mut took) {
        let start = median(took);
        let bytes = std::fs::metadata(&program.path).map_or(0, |file| file.len());
        let (millis, ratio) = (hundredths(start, 1_000), hundredths(start, base));
        let mebibytes = hundredths(bytes, 1 << 20);
        table.push_str(&format!("\n| `{}` | {millis} ms | {ratio} | {mebibytes} |", program.name));
    }
    println!("{table}");
    Ok(table)
}

/// As much as a function sees of Lambda before its first event.
struct Lambda {
    address: SocketAddr,
    asked: Receiver<Asked>,
}

/// When a program asked, and for what; it waits for an answer as long as this is kept.
struct Asked {
    at: Instant,
    line: String,
    _stream: TcpStream,
}

impl Lambda {
    fn open() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("could not listen")?;
        let address = listener.local_addr()?;
        let (sender, asked) = channel();
        thread::spawn(move || listen(&listener, &sender));
        Ok(Self { address, asked })
    }

    /// Microseconds from exec to the first poll.
    fn start(&self, program: &Program) -> Result<u64> {
        let mut command = Command::new(&program.path);
        command.env_clear().envs(VARIABLES);
        command.env("AWS_LAMBDA_RUNTIME_API", self.address.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let begun = Instant::now();
        let child = command.spawn();
        let mut child = child.with_context(|| {
            format!("could not start {}; was it built?", program.path.display())
        })?;
        let asked = self.asked.recv_timeout(PATIENCE);
        child.kill().context("could not stop it")?;
        child.wait()?;
        let Ok(asked) = asked else {
            let mut said = String::new();
            if let Some(mut stream) = child.stderr.take() {
                stream.read_to_string(&mut said)?;
            }
            bail!("{} did not ask for an event; it said: {}", program.name, said.trim());
        };
        if !asked.line.starts_with(NEXT) {
            bail!("{} asked {:?}, expected {NEXT:?}", program.name, asked.line);
        }
        Ok(u64::try_from((asked.at - begun).as_micros())?)
    }
}

fn listen(listener: &TcpListener, sender: &Sender<Asked>) {
    for stream in listener.incoming().flatten() {
        let mut line = String::new();
        let Ok(_) = BufReader::new(&stream).read_line(&mut line) else { continue };
        let asked = Asked { at: Instant::now(), line, _stream: stream };
        if sender.send(asked).is_err() {
            return;
        }
    }
}

fn median(numbers: &mut [u64]) -> u64 {
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}

/// `part / whole` with two digits, rounded.
fn hundredths(part: u64, whole: u64) -> String {
    let whole = whole.max(1);
    let number = (part * 100 + whole / 2) / whole;
    format!("{}.{:02}", number / 100, number % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell() -> Program {
        Program { name: "shell".to_owned(), path: "/bin/true".into() }
    }

    #[test]
    fn a_ratio_has_two_digits() {
        for (part, whole, expected) in
            [(0, 7, "0.00"), (7, 7, "1.00"), (3, 2, "1.50"), (2, 3, "0.67"), (1, 0, "1.00")]
        {
            assert_eq!(hundredths(part, whole), expected, "for {part} of {whole}");
        }
    }

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        assert_eq!(median(&mut [9, 1, 5]), 5);
        assert_eq!(median(&mut []), 0);
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let missing = Program { name: "missing".to_owned(), path: "/no/such/program".into() };
        let error = measure(&missing, &[shell()]).unwrap_err();
        assert!(error.to_string().contains("/no/such/program"), "{error}");
    }

    #[test]
    fn who_asks_is_heard_with_what_it_asks() {
        use std::io::Write;
        let lambda = Lambda::open().unwrap();
        let begun = Instant::now();
        let mut stream = TcpStream::connect(lambda.address).unwrap();
        stream.write_all(format!("{NEXT}HTTP/1.1\r\n\r\n").as_bytes()).unwrap();
        let asked = lambda.asked.recv_timeout(PATIENCE).unwrap();
        assert!(asked.line.starts_with(NEXT) && begun <= asked.at, "{}", asked.line);
    }
}
