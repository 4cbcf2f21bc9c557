//! The kernel's release against what is needed.

use std::fmt;
use std::io;
use std::path::Path;

/// The oldest kernel that has everything: that of RHEL 9 and OpenShift 4.14.
pub const FLOOR: (u32, u32) = (5, 14);
/// The kernel that brought TCX.
pub const TCX_SINCE: (u32, u32) = (6, 6);

/// The kernel that leaves a packet its socket in a veth pair with GRO.
pub const SOCKETS_OF_PODS_SINCE: (u32, u32) = (5, 15);

/// A kernel's release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Major and minor number.
    pub version: (u32, u32),
    /// As the kernel writes it, such as `5.14.0-427.13.1.el9_4.x86_64`.
    pub text: String,
}

/// The kernel cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// It is too old.
    #[error("Linux {0} is too old: run on Linux {major}.{minor} or later", major = FLOOR.0, minor = FLOOR.1)]
    TooOld(Release),
    /// Its release is not a version.
    #[error("the kernel's release {0:?} cannot be understood: Linux {major}.{minor} or later is needed", major = FLOOR.0, minor = FLOOR.1)]
    Unknown(String),
    /// Its release cannot be read.
    #[error("the kernel's release cannot be read ({0}): mount /proc")]
    Unreadable(#[source] io::Error),
}

/// The release of the kernel that runs.
///
/// # Errors
/// [`ReleaseError`] if it is below [`FLOOR`] or not known.
pub fn kernel_release(proc: &Path) -> Result<Release, ReleaseError> {
    let text =
        std::fs::read_to_string(proc.join("sys/kernel/osrelease")).map_err(ReleaseError::Unreadable)?;
    let text = text.trim_end().to_owned();
    let Some(version) = version(&text) else { return Err(ReleaseError::Unknown(text)) };
    let release = Release { version, text };
    if version < FLOOR { Err(ReleaseError::TooOld(release)) } else { Ok(release) }
}

/// The minor number may be followed by anything: `6.6-rc1`, `6.1+`.
fn version(text: &str) -> Option<(u32, u32)> {
    let (major, rest) = text.split_once('.')?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    Some((major.parse().ok()?, rest[..digits].parse().ok()?))
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::probe::fixture::Fixture;

    #[test]
    fn releases_of_distributions_are_understood() {
        for (text, expected) in [
            ("5.14.0-427.13.1.el9_4.x86_64", Some((5, 14))),
            ("6.6-rc1", Some((6, 6))),
            ("6.1+", Some((6, 1))),
            ("10.0.3", Some((10, 0))),
            ("6", None),
            ("six.one", None),
            ("6.", None),
        ] {
            assert_eq!(version(text), expected, "{text}");
        }
    }

    #[test]
    fn a_kernel_below_the_floor_is_refused_with_the_remedy() {
        let host = Fixture::new();
        host.file("proc/sys/kernel/osrelease", "5.4.0-187-generic\n");
        let sentence = kernel_release(&host.proc()).unwrap_err().to_string();
        assert_eq!(sentence, "Linux 5.4.0-187-generic is too old: run on Linux 5.14 or later");
        host.file("proc/sys/kernel/osrelease", "5.14.0\n");
        assert_eq!(kernel_release(&host.proc()).unwrap().version, FLOOR);
    }

    #[test]
    fn without_proc_the_release_is_not_known() {
        assert!(matches!(kernel_release(&Fixture::new().proc()), Err(ReleaseError::Unreadable(_))));
    }
}
