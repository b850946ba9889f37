//! The checks that need Python: an environment for each, made once and kept.
//!
//! What is installed, and why they are several, is in `tests/requirements/`. An environment is made again
//! when its file changes or its interpreter is gone. It lies in `.venv` of the repository, or where
//! `PORTCULLIS_VENV` says, for a build server that starts with a fresh checkout each time.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run;

/// The folder of the environments, if not `.venv`.
const FOLDER: &str = "PORTCULLIS_VENV";

/// Beside an environment's interpreter: what was installed, written last.
const INSTALLED: &str = "installed.txt";

/// How to get what is missing, or do without.
const ADVICE: &str = "install Python 3.10 or later with its venv module (Debian and Ubuntu: \
    `sudo apt-get install python3 python3-venv`; macOS: `brew install python`), or leave out what needs it \
    with `cargo xtask test --without-aws`";

/// The folder with the programs of environment `name`, ready for use.
pub fn environment(root: &Path, name: &str) -> Result<PathBuf> {
    let folder = match std::env::var_os(FOLDER) {
        Some(folder) => PathBuf::from(folder),
        None => root.join(".venv"),
    };
    let requirements = root.join("tests/requirements").join(name).with_extension("txt");
    let wanted = std::fs::read_to_string(&requirements)
        .with_context(|| format!("could not read {}", requirements.display()))?;
    let environment = folder.join(name);
    if !is_ready(&environment, &wanted) {
        println!(
            "making the Python environment {} from {}",
            environment.display(),
            requirements.display()
        );
        make(&environment, &requirements)?;
        std::fs::write(environment.join(INSTALLED), wanted)?;
    }
    Ok(programs(&environment))
}

fn is_ready(environment: &Path, wanted: &str) -> bool {
    let installed = std::fs::read_to_string(environment.join(INSTALLED));
    installed.is_ok_and(|installed| installed == wanted)
        && run::succeeds(Command::new(programs(environment).join("python")).arg("--version"))
}

fn make(environment: &Path, requirements: &Path) -> Result<()> {
    let python = interpreter()?;
    let made =
        run::streamed(Command::new(python).args(["-m", "venv", "--clear"]).arg(environment))?;
    if !made.status.success() {
        bail!("Python could not make an environment: {ADVICE}");
    }
    let mut pip = Command::new(programs(environment).join("python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    if is_alone(requirements)? {
        pip.arg("--no-deps");
    }
    if !run::streamed(pip.arg("--requirement").arg(requirements))?.status.success() {
        bail!(
            "pip could not install {}: see its message above; is the package index reachable?",
            requirements.display()
        );
    }
    Ok(())
}

/// Whether the file says that what it names is to be installed without what that depends on; pip has an
/// option for it, and no line in the file.
fn is_alone(requirements: &Path) -> Result<bool> {
    let text = std::fs::read_to_string(requirements)?;
    Ok(text.lines().any(|line| line.starts_with("# Without what it depends on")))
}

/// A Python that is new enough, and whole: Debian splits `venv` off.
fn interpreter() -> Result<&'static str> {
    const PROBE: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
    let found = ["python3", "python"].into_iter().find(|name| {
        let mut python = Command::new(name);
        run::succeeds(python.args(["-c", PROBE]))
    });
    found.with_context(|| format!("there is no Python that could be used: {ADVICE}"))
}

fn programs(environment: &Path) -> PathBuf {
    environment.join(if cfg!(windows) { "Scripts" } else { "bin" })
}
