//! More than memory holds, sorted: runs of so many things go to a temporary file each, and are merged as they are read.
//!
//! What is in memory is one run while things come, and one thing of each run while they are read: no more for ten
//! years of a ledger than for one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// How many things are sorted at once: some hundreds of kilobytes.
pub const RUN: usize = 2_048;

/// How many runs there are at most; then they become one, so that files and buffers stay few.
const MOST_RUNS: usize = 32;

/// What a run's file is read and written by.
const BUFFER_BYTES: usize = 4 * 1024;

/// Takes things in any order, and gives them back in theirs.
#[derive(Debug)]
pub struct Spill<T> {
    run: Vec<T>,
    files: Vec<File>,
}

impl<T: Ord + Serialize + DeserializeOwned> Spill<T> {
    /// Empty.
    pub fn new() -> Self {
        Self { run: Vec::with_capacity(RUN), files: Vec::new() }
    }

    /// Takes one.
    ///
    /// # Errors
    /// When the temporary folder takes no more.
    pub fn push(&mut self, thing: T) -> io::Result<()> {
        self.run.push(thing);
        if self.run.len() < RUN {
            return Ok(());
        }
        self.spill()
    }

    fn spill(&mut self) -> io::Result<()> {
        self.run.sort_unstable();
        let run = std::mem::take(&mut self.run);
        let file = write(run.iter().map(Ok))?;
        self.run = run;
        self.run.clear();
        self.files.push(file);
        if MOST_RUNS <= self.files.len() {
            let all = Sorted::<T>::of(std::mem::take(&mut self.files), Vec::new())?;
            let merged = write(all)?;
            self.files.push(merged);
        }
        Ok(())
    }

    /// All of them, in order.
    ///
    /// # Errors
    /// When a run can't be read.
    pub fn sorted(mut self) -> io::Result<Sorted<T>> {
        self.run.sort_unstable();
        Sorted::of(self.files, self.run)
    }
}

/// Writes things line by line, and goes back to the first.
fn write<T: Serialize>(things: impl Iterator<Item = io::Result<T>>) -> io::Result<File> {
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, tempfile::tempfile()?);
    for thing in things {
        serde_json::to_writer(&mut out, &thing?)?;
        out.write_all(b"\n")?;
    }
    let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.rewind()?;
    Ok(file)
}

/// Things in order, from all runs at once.
#[derive(Debug)]
pub struct Sorted<T> {
    runs: Vec<Run<T>>,
    next: BinaryHeap<Reverse<(T, usize)>>,
}

#[derive(Debug)]
enum Run<T> {
    File { reader: BufReader<File>, line: String },
    Memory(std::vec::IntoIter<T>),
}

impl<T: Ord + DeserializeOwned> Sorted<T> {
    fn of(files: Vec<File>, rest: Vec<T>) -> io::Result<Self> {
        let reader = |file| BufReader::with_capacity(BUFFER_BYTES, file);
        let files =
            files.into_iter().map(|file| Run::File { reader: reader(file), line: String::new() });
        let runs = files.chain([Run::Memory(rest.into_iter())]).collect();
        let mut sorted = Self { runs, next: BinaryHeap::new() };
        for index in 0..sorted.runs.len() {
            sorted.refill(index)?;
        }
        Ok(sorted)
    }

    fn refill(&mut self, index: usize) -> io::Result<()> {
        let thing = match &mut self.runs[index] {
            Run::Memory(things) => things.next(),
            Run::File { reader, line } => {
                line.clear();
                match reader.read_line(line)? {
                    0 => None,
                    _ => Some(serde_json::from_str(line)?),
                }
            }
        };
        self.next.extend(thing.map(|thing| Reverse((thing, index))));
        Ok(())
    }
}

impl<T: Ord + DeserializeOwned> Iterator for Sorted<T> {
    type Item = io::Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((thing, index)) = self.next.pop()?;
        Some(self.refill(index).map(|()| thing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_many_come_back_in_order() {
        for number in [0, 1, RUN - 1, RUN, RUN + 1, 5 * RUN + 3, 70 * RUN] {
            let mut spill = Spill::new();
            for index in 0..number {
                spill.push((index * 7_919 % number, format!("line\n{index}"))).unwrap();
                assert!(spill.run.len() <= RUN && spill.files.len() <= MOST_RUNS);
            }
            let back: Vec<(usize, String)> = spill.sorted().unwrap().map(Result::unwrap).collect();
            assert_eq!(back.len(), number);
            assert!(back.is_sorted(), "of {number}");
        }
    }
}
