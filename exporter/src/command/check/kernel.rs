//! The kernel and what this process may do with it.

use std::env::consts::ARCH;

use crate::command::Common;
use crate::command::check::{Cause, Host, Item};
use crate::kernel::probe::{self, FLOOR, ReleaseError, SOCKETS_OF_PODS_SINCE, TCX_SINCE};
use crate::kernel::{Drops, DropsError, GracePeriod, Method, Reach, SocketsError};

/// Where the exporter is tested.
const TESTED: [&str; 2] = ["x86_64", "aarch64"];

pub(super) fn items(common: &Common, host: &Host<'_>) -> Vec<Item> {
    let privileges = probe::privileges(host.proc);
    let privileged = privileges.is_ok();
    let mut items = vec![
        release(host),
        architecture(),
        match privileges {
            Ok(()) => Item::ok("privileges", "programs may be loaded and attached"),
            Err(error) => Item::missing("privileges", Cause::Privilege, error.to_string()),
        },
        namespaces(common.namespaces, host),
        attachment(common.attach, privileged, host),
        grace_period(privileged, host),
        tcp_quality(common.tcp_quality, host),
        btf(host),
        drops(common.drops, host),
    ];
    items.extend(privileged.then(|| listening_sockets(host)));
    if probe::realtime(host.sys) {
        items.push(
            Item::limited(
                "preemption",
                "this is a PREEMPT_RT kernel, where a program may interrupt another on its CPU: counts may be inexact",
            )
            .with_remedy("use a kernel without PREEMPT_RT where counts have to be exact"),
        );
    }
    items
}

fn namespaces(reach: Reach, host: &Host<'_>) -> Item {
    const SUBJECT: &str = "namespaces";
    match (reach, probe::may_enter_namespaces(host.proc)) {
        (Reach::Own, _) => Item::ok(
            SUBJECT,
            "interfaces of the agent's own network namespace are observed; CAP_SYS_ADMIN is needed for --namespaces all only",
        ),
        (Reach::All, true) => Item::ok(SUBJECT, "interfaces of all network namespaces are observed"),
        (Reach::All, false) => Item::limited(
            SUBJECT,
            "only the agent's own network namespace is observed, for want of CAP_SYS_ADMIN",
        )
        .with_remedy("grant it, or use --namespaces own"),
    }
}

fn release(host: &Host<'_>) -> Item {
    match probe::kernel_release(host.proc) {
        Ok(release) => {
            let (major, minor) = FLOOR;
            Item::ok("kernel", format!("Linux {release}; {major}.{minor} or later is needed"))
        }
        Err(error) => Item::missing("kernel", Cause::Unavailable, error.to_string()),
    }
}

fn architecture() -> Item {
    if TESTED.contains(&ARCH) {
        Item::ok("architecture", ARCH)
    } else {
        Item::limited("architecture", format!("{ARCH} may work, but is not tested"))
    }
}

fn attachment(method: Method, privileged: bool, host: &Host<'_>) -> Item {
    const SUBJECT: &str = "attachment";
    let tcx = has_tcx(privileged, host);
    let (major, minor) = TCX_SINCE;
    match (method, tcx) {
        (Method::Clsact, _) => Item::ok(SUBJECT, "clsact filters, as --attach says"),
        (Method::Auto | Method::Tcx, true) => {
            Item::ok(SUBJECT, "TCX links, which end with the process however it ends")
        }
        (Method::Auto, false) => Item::limited(
            SUBJECT,
            "clsact filters, as this kernel has no TCX; if the process is killed they stay until its next start",
        )
        .with_remedy(format!("run on Linux {major}.{minor} or later for TCX")),
        (Method::Tcx, false) => {
            Item::missing(SUBJECT, Cause::Unavailable, "this kernel has no TCX, which --attach asks for")
                .with_remedy(format!("use --attach auto, or Linux {major}.{minor} or later"))
        }
    }
}

/// The kernel's answer goes before its number: distributions port TCX to older kernels.
fn has_tcx(privileged: bool, host: &Host<'_>) -> bool {
    let answer = if privileged { host.calls.tcx() } else { None };
    answer.unwrap_or_else(|| match probe::kernel_release(host.proc) {
        Ok(release) | Err(ReleaseError::TooOld(release)) => release.version >= TCX_SINCE,
        Err(ReleaseError::Unknown(_) | ReleaseError::Unreadable(_)) => false,
    })
}

fn grace_period(privileged: bool, host: &Host<'_>) -> Item {
    const SUBJECT: &str = "exact reading";
    if !privileged {
        return Item::limited(SUBJECT, "how to wait for the kernel's programs cannot be tried")
            .with_remedy("grant the privileges above");
    }
    match host.calls.grace_period() {
        Ok(GracePeriod::Membarrier | GracePeriod::Unneeded) => {
            Item::ok(SUBJECT, "counts are read once no program can change them, by membarrier")
        }
        Ok(GracePeriod::MapInMap { .. }) => Item::ok(
            SUBJECT,
            "counts are read once no program can change them, by the update of a map in a map, as this kernel has no membarrier",
        ),
        Err(error) => Item::missing(
            SUBJECT,
            Cause::Unavailable,
            format!(
                "this kernel offers no way to wait for its programs ({error}), so no count would be exact"
            ),
        )
        .with_remedy("allow membarrier(2) and bpf(2) in the seccomp profile, or use another kernel"),
    }
}

/// Older kernels take the socket from a packet that crosses a veth pair with GRO (Linux commit `d504fff0d14a`).
fn tcp_quality(is_wanted: bool, host: &Host<'_>) -> Item {
    const SUBJECT: &str = "TCP quality";
    let (major, minor) = SOCKETS_OF_PODS_SINCE;
    match probe::kernel_release(host.proc) {
        _ if !is_wanted => Item::ok(SUBJECT, "not noted, as --tcp-quality says"),
        Ok(release) if release.version < SOCKETS_OF_PODS_SINCE => Item::limited(
            SUBJECT,
            "by the sockets of the observed network namespaces; those of pods behind a veth pair with GRO this kernel may not show, \
             and then timestamps tell round-trip times, and sequence numbers what was sent again",
        )
        .with_remedy(format!("run on Linux {major}.{minor} or later")),
        _ => Item::ok(
            SUBJECT,
            "by the sockets of this machine's senders, also of pods; of what is only forwarded, timestamps tell round-trip times, and \
             sequence numbers what was sent again",
        ),
    }
}

fn listening_sockets(host: &Host<'_>) -> Item {
    const SUBJECT: &str = "listening sockets";
    match host.calls.listening_sockets() {
        Ok(()) => Item::ok(SUBJECT, "they tell who began a connection that is older than the agent"),
        Err(error) => Item::limited(
            SUBJECT,
            format!(
                "{error}; who began a connection that is older than the agent is told by ports, if at all"
            ),
        )
        .with_remedy(SocketsError::REMEDY),
    }
}

fn drops(wanted: Drops, host: &Host<'_>) -> Item {
    const SUBJECT: &str = "dropped packets";
    if wanted == Drops::None {
        return Item::ok(SUBJECT, "not told, as --drops says");
    }
    match host.calls.drop_reasons() {
        Ok(reasons) => {
            Item::ok(SUBJECT, format!("the kernel tells which packets it drops, for {reasons} reasons"))
        }
        Err(error) => {
            Item::limited(SUBJECT, format!("they are not told: {error}")).with_remedy(DropsError::REMEDY)
        }
    }
}

fn btf(host: &Host<'_>) -> Item {
    if probe::btf(host.sys) {
        Item::ok("BTF", "the kernel describes its types; flows do not need it, dropped packets do")
    } else {
        Item::limited(
            "BTF",
            "the kernel does not describe its types; flows do not need it, dropped packets do",
        )
        .with_remedy("use a kernel built with CONFIG_DEBUG_INFO_BTF, and mount /sys")
    }
}
