//! An end that is no end in order: the next start says what it knows of it.

use anyhow::{Result, ensure};

use crate::program::{Program, command};
use crate::topology::Pair;

const WORDS: &str = "the run before this one was killed";

pub(crate) fn by_clsact() -> Result<()> {
    let pair = Pair::new()?;
    let run = |options: &[&str]| Program::start(command(&pair.client, &[&["run"], options].concat()));
    let first = run(&["--attach", "clsact"])?.stop()?;
    ensure!(!first.stderr.contains(WORDS), "of the first one ever: {}", first.stderr);
    let killed = run(&["--attach", "clsact"])?;
    drop(killed);
    let other = run(&["--attach", "clsact", "--instance", "other"])?.stop()?;
    ensure!(!other.stderr.contains(WORDS), "of another instance: {}", other.stderr);
    let mut next = run(&["--attach", "clsact"])?;
    next.says(WORDS)?;
    let ended = next.stop()?;
    ensure!(ended.status.success() && ended.stderr.matches(WORDS).count() == 1, "{}", ended.stderr);
    let last = run(&["--attach", "clsact"])?.stop()?;
    ensure!(!last.stderr.contains(WORDS), "of an end in order: {}", last.stderr);
    Ok(())
}
