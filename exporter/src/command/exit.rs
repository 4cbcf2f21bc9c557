//! How a command ends when it cannot do its work: one sentence with cause and remedy, and a code of sysexits.h.

use std::process::ExitCode;

/// Why a command ended.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line is wrong.
    #[error("{0}")]
    Usage(String),
    /// A file is not what it should be, or ends too early.
    #[error("{0}")]
    Data(String),
    /// A file cannot be opened.
    #[error("{0}")]
    NoInput(String),
    /// A receiver, or a device, that is needed is not there.
    #[error("{0}")]
    Unavailable(String),
    /// Something that should work does not.
    #[error("{0}")]
    Software(String),
    /// The operating system lacks something, or refuses.
    #[error("{0}")]
    System(String),
    /// Output cannot be written.
    #[error("{0}")]
    Output(String),
    /// The process may not do what it has to.
    #[error("{0}")]
    Privilege(String),
    /// The configuration is wrong.
    #[error("{0}")]
    Configuration(String),
    /// The user did not wait for an orderly end.
    #[error("{0}")]
    Interrupted(String),
}

impl Failure {
    /// The code of sysexits.h, and a shell's for what a signal ended.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 64,
            Self::Data(_) => 65,
            Self::NoInput(_) => 66,
            Self::Unavailable(_) => 69,
            Self::Software(_) => 70,
            Self::System(_) => 71,
            Self::Output(_) => 74,
            Self::Privilege(_) => 77,
            Self::Configuration(_) => 78,
            Self::Interrupted(_) => 130,
        }
    }
}

impl From<&Failure> for ExitCode {
    fn from(failure: &Failure) -> Self {
        Self::from(failure.code())
    }
}
