//! Programs that run beside the check, and programs that must not take for ever.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::run;

/// Between two looks.
const POLL: Duration = Duration::from_millis(100);

/// How long a program may take to end when it is asked to.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// A program that runs until this is dropped.
pub struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts it, with all that it prints in a file.
    pub fn start(command: &mut Command, log: PathBuf) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let output =
            File::create(&log).with_context(|| format!("could not write {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("could not start {name}"))?;
        Ok(Self { child, log })
    }

    /// Waits until it is ready.
    pub fn wait(&mut self, most: Duration, is_ready: impl Fn() -> bool) -> Result<()> {
        let start = Instant::now();
        while !is_ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended ({status}), and {} says why", self.log());
            }
            if most < start.elapsed() {
                bail!("it was not ready within {} s: see {}", most.as_secs(), self.log());
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// The file with what it prints.
    pub fn log(&self) -> String {
        self.log.display().to_string()
    }

    /// Asks it to end, so that it can end what it started itself.
    fn stop(&mut self) {
        if cfg!(unix) && run::succeeds(Command::new("kill").arg(self.child.id().to_string())) {
            let start = Instant::now();
            while start.elapsed() < STOP_TIMEOUT {
                if !matches!(self.child.try_wait(), Ok(None)) {
                    return;
                }
                thread::sleep(POLL);
            }
        }
        // It may have ended by itself; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What a program printed, if it ends in time. Its output must fit into a pipe.
pub fn output_within(most: Duration, command: &mut Command) -> Result<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("could not start {name}"))?;
    let start = Instant::now();
    while child.try_wait()?.is_none() {
        if most < start.elapsed() {
            child.kill()?;
            let output = child.wait_with_output()?;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            bail!("{name} gave no answer within {} s: {said}", most.as_secs());
        }
        thread::sleep(POLL / 4);
    }
    Ok(child.wait_with_output()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_takes_for_ever_is_stopped_and_named() {
        let error = output_within(Duration::from_millis(200), Command::new("sleep").arg("60"));
        let error = error.err().unwrap().to_string();
        assert!(error.contains("sleep gave no answer"), "{error}");
        let output = output_within(STOP_TIMEOUT, Command::new("sh").args(["-c", "echo one"]));
        assert_eq!(output.unwrap().stdout, b"one\n");
    }

    #[test]
    fn a_program_that_ends_before_it_is_ready_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo the port is taken; exit 3"]);
        let mut running = Running::start(&mut command, folder.path().join("log")).unwrap();
        let error = running.wait(STOP_TIMEOUT, || false).unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.contains("log"), "{error}");
        let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
        assert_eq!(log, "the port is taken\n");
    }
}
