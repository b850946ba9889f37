//! Running other programs: what they print goes through as it comes, and is kept for counting.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result};

/// How a program ended, and all that it printed on both of its streams.
pub struct Ended {
    /// Its exit code.
    pub status: ExitStatus,
    /// Line by line, in about the order in which they came.
    pub output: String,
}

/// Runs `command` to its end without input, passing its output on.
pub fn streamed(command: &mut Command) -> Result<Ended> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("could not start {name}"))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let output = Mutex::new(String::new());
    thread::scope(|scope| {
        if let Some(stream) = stdout {
            scope.spawn(|| pass_on(stream, &output));
        }
        if let Some(stream) = stderr {
            scope.spawn(|| pass_on(stream, &output));
        }
    });
    let status = child.wait().with_context(|| format!("lost sight of {name}"))?;
    Ok(Ended { status, output: output.into_inner().unwrap_or_default() })
}

/// Everything on our standard output, so that the summary stands after it also when both streams go to
/// one file.
fn pass_on(stream: impl Read, output: &Mutex<String>) {
    let mut lines = BufReader::new(stream);
    let mut line = Vec::new();
    while matches!(lines.read_until(b'\n', &mut line), Ok(1..)) {
        let text = String::from_utf8_lossy(&line);
        if let Ok(mut output) = output.lock() {
            // A closed pipe (`| head`) doesn't stop the checks.
            let _ = std::io::stdout().write_all(&line);
            output.push_str(&text);
        }
        line.clear();
    }
}

/// True if the program could be started and says that it ended well; its output is dropped.
pub fn succeeds(command: &mut Command) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Cargo as it was started itself, so that `cargo +toolchain xtask` stays on its toolchain.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_both_streams_and_the_exit_code() {
        let ended =
            streamed(Command::new("sh").args(["-c", "echo one; echo two >&2; exit 3"])).unwrap();
        assert_eq!(ended.status.code(), Some(3));
        let mut lines: Vec<_> = ended.output.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["one", "two"]);
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = streamed(&mut Command::new("no-such-program")).err().unwrap();
        assert_eq!(error.to_string(), "could not start no-such-program");
    }
}
