//! What `check` found.

use std::fmt;

use crate::command::Failure;

/// Everything that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// In the order in which `run` needs them.
    pub items: Vec<Item>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// How it is.
    pub level: Level,
    /// What it is, in a word or two.
    pub subject: &'static str,
    /// What was found and what it means for the user.
    pub finding: String,
    /// What to do; `None` if there is nothing to do, or the finding says it.
    pub remedy: Option<String>,
}

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Ok,
    /// `run` works, but less is seen.
    Limited,
    /// `run` would fail.
    Missing(Cause),
}

/// What kind of failure it would be; the first of them decides how `check` ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The process may not.
    Privilege,
    /// The kernel or the receiver is not as needed.
    Unavailable,
    /// An option or a variable is wrong here.
    Configuration,
}

impl Item {
    pub(super) fn ok(subject: &'static str, finding: impl Into<String>) -> Self {
        Self { level: Level::Ok, subject, finding: finding.into(), remedy: None }
    }

    pub(super) fn limited(subject: &'static str, finding: impl Into<String>) -> Self {
        Self { level: Level::Limited, subject, finding: finding.into(), remedy: None }
    }

    pub(super) fn missing(subject: &'static str, cause: Cause, finding: impl Into<String>) -> Self {
        Self { level: Level::Missing(cause), subject, finding: finding.into(), remedy: None }
    }

    pub(super) fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    fn cause(&self) -> Option<Cause> {
        if let Level::Missing(cause) = self.level { Some(cause) } else { None }
    }
}

impl Report {
    /// What `run` would fail with; `None` if it would work.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        let missing = self.items.iter().filter_map(|item| Some((item.cause()?, item)));
        let (cause, item) = missing.min_by_key(|(cause, _)| *cause)?;
        let sentence = Sentence(item).to_string();
        Some(match cause {
            Cause::Privilege => Failure::Privilege(sentence),
            Cause::Unavailable => Failure::Unavailable(sentence),
            Cause::Configuration => Failure::Configuration(sentence),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.items.iter().map(|item| item.subject.len()).max().unwrap_or(0);
        for item in &self.items {
            writeln!(f, "{:<7}  {:<width$}  {}", item.level.to_string(), item.subject, Sentence(item))?;
        }
        Ok(())
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Limited => "limited",
            Self::Missing(_) => "missing",
        })
    }
}

/// Cause and remedy.
struct Sentence<'a>(&'a Item);

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.finding)?;
        self.0.remedy.as_ref().map_or(Ok(()), |remedy| write!(f, ": {remedy}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_aligned_and_end_with_the_remedy() {
        let items = vec![
            Item::ok("kernel", "Linux 6.12"),
            Item::limited("architecture", "riscv64 is not tested").with_remedy("tell us"),
            Item::missing("memory", Cause::Configuration, "too little"),
        ];
        let expected = "ok       kernel        Linux 6.12\n\
                        limited  architecture  riscv64 is not tested: tell us\n\
                        missing  memory        too little\n";
        assert_eq!(Report { items }.to_string(), expected);
    }

    #[test]
    fn the_gravest_cause_decides() {
        let configuration = Item::missing("memory", Cause::Configuration, "too little").with_remedy("more");
        let privilege = Item::missing("privileges", Cause::Privilege, "none");
        let both = Report { items: vec![configuration.clone(), privilege] };
        assert_eq!(both.failure().map(|failure| failure.code()), Some(77));
        let failure = Report { items: vec![configuration] }.failure().unwrap();
        assert_eq!((failure.code(), failure.to_string().as_str()), (78, "too little: more"));
    }

    #[test]
    fn what_is_limited_is_no_failure() {
        assert!(Report { items: vec![Item::limited("x", "y")] }.failure().is_none());
    }
}
