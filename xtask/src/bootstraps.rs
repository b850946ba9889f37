//! The functions as they are deployed: built by cargo-lambda for one kind of processor, and looked at before
//! anybody else does. What would only be seen on AWS, a C library that is too new for it or a program that has
//! become twice as large, is seen here.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use object::elf::{EM_AARCH64, EM_X86_64, FileHeader64};
use object::read::elf::FileHeader;
use object::{Endianness, StringTable};

use crate::tests_run::Count;
use crate::{bench, run};

/// What Amazon Linux 2023 has, on which `provided.al2023` runs.
const NEWEST_GLIBC: Glibc = Glibc(2, 34);

/// A cold start reads the program from storage: the largest, `firm-api`, has 17.6 MiB on x86_64 since it makes papers
/// with their fonts, and whoever makes one larger by more than a MiB should know it.
const BUDGET: u64 = 19 * MIB;

const MIB: u64 = 1024 * 1024;

/// A kind of processor, by Lambda's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Processor {
    /// Graviton, as the template has it.
    Arm64,
    /// Intel and AMD.
    #[value(name = "x86_64")]
    X86_64,
}

impl Processor {
    /// All.
    pub const ALL: [Self; 2] = [Self::Arm64, Self::X86_64];

    /// That of this machine, if Lambda has it.
    pub fn of_this_machine() -> Option<Self> {
        match std::env::consts::ARCH {
            "aarch64" => Some(Self::Arm64),
            "x86_64" => Some(Self::X86_64),
            _ => None,
        }
    }

    /// As the template's parameter says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }

    /// By Rust's name.
    pub fn target(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-gnu",
            Self::X86_64 => "x86_64-unknown-linux-gnu",
        }
    }

    fn machine(self) -> object::elf::Machine {
        match self {
            Self::Arm64 => EM_AARCH64,
            Self::X86_64 => EM_X86_64,
        }
    }
}

/// A version of the C library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Glibc(u32, u32);

impl Glibc {
    /// Of the name of a version that a program needs; others are of other libraries.
    fn named(name: &[u8]) -> Option<Self> {
        let version = std::str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?;
        let mut numbers = version.split('.').map(str::parse);
        Some(Self(numbers.next()?.ok()?, numbers.next()?.ok()?))
    }
}

impl fmt::Display for Glibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// Builds those functions, each with the flags that `sam build` uses, so that it finds them built: at once, since one
/// by one they would wait for each other's dependencies.
pub fn build(root: &Path, cargo_lambda: &Path, of: Processor, functions: &[String]) -> Result<()> {
    let mut command = Command::new(cargo_lambda.join("cargo-lambda"));
    command.current_dir(root).args(["lambda", "build", "--release", "--target", of.target()]);
    command.args(functions.iter().flat_map(|name| ["--bin", name]));
    // zig, a program of the same environment, links for the C library of Lambda, whatever this machine has: papers call
    // one of its functions that is newer than Lambda's here.
    command.env("PATH", path_with(cargo_lambda)?);
    let ended = run::streamed(&mut command)?;
    ensure!(ended.status.success(), "the functions could not be built for {}", of.name());
    Ok(())
}

/// The path with that folder before all others.
pub fn path_with(folder: &Path) -> Result<std::ffi::OsString> {
    let others = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&others));
    std::env::join_paths(folders).context("the path can't be extended")
}

/// Where cargo-lambda puts them: of whichever processor was built last.
pub fn built(root: &Path, functions: &[String]) -> Result<Vec<(String, PathBuf)>> {
    let folder = bench::target_folder(root)?.join("lambda");
    let place = |name: &String| (name.clone(), folder.join(name).join("bootstrap"));
    Ok(functions.iter().map(place).collect())
}

/// Looks at each, and prints what was seen; each counts as one.
pub fn check(bootstraps: &[(String, PathBuf)], of: Processor) -> Count {
    println!("{:<34}{:>8}{:>10}  {}", "bootstrap", "MiB", "glibc", of.name());
    let mut count = Count::default();
    for (name, path) in bootstraps {
        let seen = Seen::of(path, of).and_then(|seen| seen.fits());
        match &seen {
            Ok(Seen { size, glibc }) => {
                println!("{name:<34}{:>8}{:>10}  ok", in_mib(*size), glibc.to_string());
            }
            Err(error) => println!("FAILED {name}: {error:#}"),
        }
        count = count.and(Count::one(seen.is_ok()));
    }
    count
}

/// What is seen of a program.
struct Seen {
    size: u64,
    glibc: Glibc,
}

impl Seen {
    fn of(path: &Path, of: Processor) -> Result<Self> {
        let program =
            std::fs::read(path).with_context(|| format!("could not read {}", path.display()))?;
        let glibc = newest_glibc(&program, of);
        let glibc =
            glibc.with_context(|| format!("{} is not what Lambda starts", path.display()))?;
        Ok(Self { size: program.len().try_into()?, glibc })
    }

    fn fits(self) -> Result<Self> {
        let Self { size, glibc } = self;
        if NEWEST_GLIBC < glibc {
            bail!(
                "it needs glibc {glibc}, and Lambda has {NEWEST_GLIBC}: build on an older system, or with zig"
            );
        }
        if BUDGET < size {
            bail!("it has {} MiB, more than the budget of {}", in_mib(size), in_mib(BUDGET));
        }
        Ok(self)
    }
}

/// With one decimal.
fn in_mib(bytes: u64) -> String {
    let tenths = bytes * 10 / MIB;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// The newest version of the C library of which a program for that processor needs something.
fn newest_glibc(program: &[u8], of: Processor) -> Result<Glibc> {
    let header = FileHeader64::<Endianness>::parse(program)?;
    let endian = header.endian()?;
    let machine = header.e_machine(endian);
    ensure!(machine == of.machine(), "it is for another processor than {}", of.name());
    let sections = header.sections(endian, program)?;
    let mut newest = Glibc(0, 0);
    if let Some((mut libraries, link)) = sections.gnu_verneed(endian, program)? {
        let names: StringTable<'_> = sections.strings(endian, program, link)?;
        while let Some((_, mut versions)) = libraries.next()? {
            while let Some(version) = versions.next()? {
                let named = Glibc::named(version.name(endian, names)?);
                newest = newest.max(named.unwrap_or(newest));
            }
        }
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_the_c_library_are_numbers() {
        let named = |name: &str| Glibc::named(name.as_bytes());
        assert_eq!(named("GLIBC_2.34"), Some(Glibc(2, 34)));
        assert_eq!(named("GLIBC_2.2.5"), Some(Glibc(2, 2)));
        for other in ["GCC_4.2.0", "GLIBC_PRIVATE", "GLIBC_2", "2.34"] {
            assert_eq!(named(other), None, "{other}");
        }
        assert!(Glibc(2, 4) < NEWEST_GLIBC && NEWEST_GLIBC < Glibc(2, 35));
    }

    #[test]
    fn what_does_not_fit_says_why() {
        let said = |size, glibc| Seen { size, glibc }.fits().err().map(|error| error.to_string());
        assert_eq!(said(BUDGET, NEWEST_GLIBC), None);
        let large = said(BUDGET + MIB / 2, NEWEST_GLIBC);
        assert_eq!(large.as_deref(), Some("it has 19.5 MiB, more than the budget of 19.0"));
        let new = said(1, Glibc(2, 35)).unwrap();
        assert!(new.contains("needs glibc 2.35, and Lambda has 2.34"), "{new}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_program_of_this_machine_is_read_and_others_are_refused() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let Some(here) = Processor::of_this_machine() else { return };
        let glibc = newest_glibc(&program, here).unwrap();
        assert!(Glibc(2, 2) < glibc && glibc < Glibc(3, 0), "{glibc}");
        let other = Processor::ALL.into_iter().find(|other| *other != here).unwrap();
        let refused = newest_glibc(&program, other).unwrap_err().to_string();
        assert!(refused.contains("another processor"), "{refused}");
        assert!(newest_glibc(b"#!/bin/sh\n", here).is_err());
    }
}
