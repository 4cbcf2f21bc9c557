//! Whether this process may load and attach programs.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

/// A capability that the exporter uses, by its number in include/uapi/linux/capability.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Capability {
    /// To attach, and to hear of interfaces.
    NetAdmin = 12,
    /// For other network namespaces; includes the two below.
    SysAdmin = 21,
    /// To load programs that compute with packet pointers.
    Perfmon = 38,
    /// To load programs and make maps.
    Bpf = 39,
}

/// What `run` needs.
const NEEDED: [Capability; 3] = [Capability::Bpf, Capability::NetAdmin, Capability::Perfmon];
/// The line of /proc/self/uid_map in the first user namespace: every user is itself.
const FIRST_USER_NAMESPACE: [&str; 3] = ["0", "0", "4294967295"];

/// The process may not do what it has to.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// Capabilities are missing.
    #[error(
        "{} missing: run as root, or grant CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON (setcap cap_bpf,cap_net_admin,cap_perfmon+ep \
         on the program, or capabilities.add in the container's securityContext)", List(.0)
    )]
    Missing(Vec<Capability>),
    /// The capabilities do not reach the kernel.
    #[error(
        "the capabilities count only inside a user namespace, where Linux loads no network programs: run outside of it, \
         in a container as one that is not rootless (hostUsers: true)"
    )]
    UserNamespace,
    /// It is not known what the process may do.
    #[error("the capabilities of the process cannot be read ({0}): mount /proc")]
    Unreadable(#[source] io::Error),
}

/// Makes sure that the process may load and attach programs.
///
/// # Errors
/// [`PrivilegeError`] says in one sentence what is missing and how to grant it.
pub fn privileges(proc: &Path) -> Result<(), PrivilegeError> {
    let effective = effective(proc).map_err(PrivilegeError::Unreadable)?;
    let has = |capability: Capability| effective & (1 << capability as u8) != 0;
    // The kernel takes CAP_SYS_ADMIN for what was split off from it in Linux 5.8 (bpf_capable, perfmon_capable).
    let granted =
        |capability| has(capability) || (capability != Capability::NetAdmin && has(Capability::SysAdmin));
    let missing: Vec<Capability> = NEEDED.into_iter().filter(|needed| !granted(*needed)).collect();
    if !missing.is_empty() {
        return Err(PrivilegeError::Missing(missing));
    }
    if in_user_namespace(proc) { Err(PrivilegeError::UserNamespace) } else { Ok(()) }
}

/// Whether the process may go into other network namespaces; no, if that cannot be read.
#[must_use]
pub fn may_enter_namespaces(proc: &Path) -> bool {
    effective(proc).is_ok_and(|effective| effective & (1 << Capability::SysAdmin as u8) != 0)
}

/// Effective capabilities as bits.
fn effective(proc: &Path) -> io::Result<u64> {
    let status = fs::read_to_string(proc.join("self/status"))?;
    let bits = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no line CapEff"))
}

/// Kernels without user namespaces have no such file.
fn in_user_namespace(proc: &Path) -> bool {
    fs::read_to_string(proc.join("self/uid_map"))
        .is_ok_and(|map| !map.split_whitespace().eq(FIRST_USER_NAMESPACE))
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NetAdmin => "CAP_NET_ADMIN",
            Self::SysAdmin => "CAP_SYS_ADMIN",
            Self::Perfmon => "CAP_PERFMON",
            Self::Bpf => "CAP_BPF",
        })
    }
}

/// `CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON are`
struct List<'a>(&'a [Capability]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, capability) in self.0.iter().enumerate() {
            let before = match index {
                0 => "",
                _ if index + 1 == self.0.len() => " and ",
                _ => ", ",
            };
            write!(f, "{before}{capability}")?;
        }
        f.write_str(if self.0.len() == 1 { " is" } else { " are" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::probe::fixture::Fixture;

    fn with(capabilities: &[Capability]) -> Fixture {
        let bits = capabilities.iter().fold(0_u64, |bits, capability| bits | 1 << *capability as u8);
        let host = Fixture::healthy();
        host.file("proc/self/status", &format!("CapPrm:\tffff\nCapEff:\t{bits:016x}\nCapBnd:\t0\n"));
        host
    }

    #[test]
    fn three_capabilities_are_enough() {
        assert!(privileges(&with(&NEEDED).proc()).is_ok());
    }

    #[test]
    fn an_unprivileged_process_is_told_what_to_do_in_one_sentence() {
        let sentence = privileges(&with(&[]).proc()).unwrap_err().to_string();
        assert!(sentence.starts_with("CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON are missing: run as root"));
        assert!(sentence.contains("setcap cap_bpf,cap_net_admin,cap_perfmon+ep") && !sentence.contains('\n'));
    }

    #[test]
    fn one_that_is_missing_is_named() {
        let sentence =
            privileges(&with(&[Capability::Bpf, Capability::Perfmon]).proc()).unwrap_err().to_string();
        assert!(sentence.starts_with("CAP_NET_ADMIN is missing"), "{sentence}");
    }

    #[test]
    fn sys_admin_includes_what_was_split_off_from_it() {
        assert!(privileges(&with(&[Capability::SysAdmin, Capability::NetAdmin]).proc()).is_ok());
        let error = privileges(&with(&[Capability::SysAdmin]).proc()).unwrap_err();
        assert!(matches!(error, PrivilegeError::Missing(missing) if missing == [Capability::NetAdmin]));
    }

    #[test]
    fn other_namespaces_take_sys_admin() {
        assert!(!may_enter_namespaces(&with(&NEEDED).proc()));
        assert!(may_enter_namespaces(&with(&[Capability::SysAdmin]).proc()));
    }

    #[test]
    fn capabilities_of_a_user_namespace_do_not_count() {
        let host = with(&NEEDED);
        host.file("proc/self/uid_map", "         0       1000          1\n");
        assert!(matches!(privileges(&host.proc()), Err(PrivilegeError::UserNamespace)));
    }

    #[test]
    fn a_status_without_capabilities_is_told() {
        let host = Fixture::new();
        host.file("proc/self/status", "Name:\tx\n");
        assert!(matches!(privileges(&host.proc()), Err(PrivilegeError::Unreadable(_))));
    }
}
