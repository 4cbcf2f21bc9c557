//! `check` on machines made of files.

use std::io;

use clap::Parser;

use super::*;
use crate::command::{Cli, Command};
use crate::export::Given;
use crate::kernel::probe::fixture::Fixture;
use crate::kernel::{DropsError, GracePeriod, SocketsError};

/// A kernel that answers as told.
struct Answers {
    tcx: Option<bool>,
    grace_period: bool,
    listening_sockets: bool,
    drop_reasons: bool,
}

const GOOD: Answers =
    Answers { tcx: Some(true), grace_period: true, listening_sockets: true, drop_reasons: true };

impl Calls for Answers {
    fn tcx(&self) -> Option<bool> {
        self.tcx
    }

    fn grace_period(&self) -> io::Result<GracePeriod> {
        if self.grace_period { Ok(GracePeriod::Membarrier) } else { Err(io::ErrorKind::Unsupported.into()) }
    }

    fn listening_sockets(&self) -> Result<(), SocketsError> {
        if self.listening_sockets { Ok(()) } else { Err(SocketsError::unsupported()) }
    }

    fn drop_reasons(&self) -> Result<usize, DropsError> {
        if self.drop_reasons { Ok(130) } else { Err(DropsError::NoReason) }
    }
}

fn report(host: &Fixture, calls: &Answers, arguments: &[&str]) -> Report {
    let arguments = ["x", "check"].iter().chain(arguments);
    let Command::Check(options) = Cli::parse_from(arguments).command else { panic!("check") };
    let mut selection = observe::selection(&options.common).unwrap();
    selection.exclude.push("veth*".parse().unwrap());
    let (proc, sys) = (host.proc(), host.sys());
    check(
        &options,
        &Host {
            proc: &proc,
            sys: &sys,
            calls,
            selection: &selection,
            settings: &Given::default(),
            file: &ConfigFile::default(),
        },
    )
}

fn code(report: &Report) -> Option<u8> {
    report.failure().map(|failure| failure.code())
}

fn item<'a>(report: &'a Report, subject: &str) -> &'a Item {
    report.items.iter().find(|item| item.subject == subject).unwrap()
}

#[test]
fn on_a_healthy_machine_everything_is_ok() {
    let report = report(&Fixture::healthy(), &GOOD, &[]);
    assert!(report.items.iter().all(|item| item.level == Level::Ok), "{report}");
    assert!(report.failure().is_none());
    assert_eq!(report.to_string().lines().count(), report.items.len());
}

#[test]
fn without_privileges_the_kernel_is_not_asked() {
    let host = Fixture::healthy();
    host.file("proc/self/status", "CapEff:\t0000000000000000\n");
    let report = report(&host, &Answers { tcx: Some(false), grace_period: false, ..GOOD }, &[]);
    assert_eq!(code(&report), Some(77));
    assert_eq!(item(&report, "attachment").level, Level::Ok);
    assert_eq!(item(&report, "exact reading").level, Level::Limited);
}

#[test]
fn an_old_kernel_and_one_without_grace_periods_are_not_available() {
    let host = Fixture::healthy();
    assert_eq!(code(&report(&host, &Answers { tcx: None, grace_period: false, ..GOOD }, &[])), Some(69));
    host.file("proc/sys/kernel/osrelease", "4.18.0-553.el8.x86_64\n");
    assert_eq!(code(&report(&host, &GOOD, &[])), Some(69));
}

#[test]
fn without_tcx_there_is_clsact_unless_tcx_is_asked_for() {
    let host = Fixture::healthy();
    let none = Answers { tcx: Some(false), ..GOOD };
    assert_eq!(item(&report(&host, &none, &[]), "attachment").level, Level::Limited);
    assert_eq!(item(&report(&host, &none, &["--attach", "clsact"]), "attachment").level, Level::Ok);
    assert_eq!(code(&report(&host, &none, &["--attach", "tcx"])), Some(69));
}

#[test]
fn a_kernel_that_does_not_say_is_judged_by_its_release() {
    let host = Fixture::healthy();
    host.file("proc/sys/kernel/osrelease", "6.1.0\n");
    let report = report(&host, &Answers { tcx: None, ..GOOD }, &[]);
    assert_eq!(item(&report, "attachment").level, Level::Limited);
}

#[test]
fn a_real_time_kernel_and_missing_btf_are_told() {
    let host = Fixture::healthy();
    host.file("sys/kernel/realtime", "1\n");
    std::fs::remove_file(host.sys().join("kernel/btf/vmlinux")).unwrap();
    let report = report(&host, &GOOD, &[]);
    assert_eq!(item(&report, "preemption").level, Level::Limited);
    assert_eq!(item(&report, "BTF").level, Level::Limited);
    assert!(report.failure().is_none());
}

#[test]
fn an_older_kernel_may_not_show_the_sockets_of_pods() {
    let host = Fixture::healthy();
    host.file("proc/sys/kernel/osrelease", "5.14.0-427.el9.x86_64\n");
    let level = |arguments: &[&str]| item(&report(&host, &GOOD, arguments), "TCP quality").level;
    assert_eq!(level(&[]), Level::Limited);
    assert_eq!(level(&["--tcp-quality=false"]), Level::Ok);
    host.file("proc/sys/kernel/osrelease", "5.15.0\n");
    assert_eq!(level(&[]), Level::Ok);
}

#[test]
fn a_kernel_that_does_not_say_why_it_drops_is_told() {
    let host = Fixture::healthy();
    let answers = Answers { drop_reasons: false, ..GOOD };
    let level = |arguments: &[&str]| item(&report(&host, &answers, arguments), "dropped packets").level;
    assert_eq!(level(&[]), Level::Limited);
    assert_eq!(level(&["--drops", "none"]), Level::Ok);
    assert_eq!(item(&report(&host, &GOOD, &[]), "dropped packets").level, Level::Ok);
}

#[test]
fn memory_that_is_too_little_or_more_than_allowed_is_a_wrong_configuration() {
    let host = Fixture::healthy();
    assert_eq!(code(&report(&host, &GOOD, &["--memory", "1MiB"])), Some(78));
    host.file("sys/fs/cgroup/agent/memory.max", "134217728\n");
    let report = report(&host, &GOOD, &[]);
    assert_eq!(code(&report), Some(78));
    assert!(item(&report, "memory limit").finding.starts_with("the cgroup /agent has 128.0 MiB"), "{report}");
}

#[test]
fn interfaces_are_told_with_what_happens_to_them() {
    let host = Fixture::healthy();
    host.interface("tun0", 65534).interface("ib0", 32).interface("veth1", 1);
    let text = report(&host, &GOOD, &[]).to_string();
    for expected in [
        "2 would be hooked: eth0 (Ethernet), tun0 (IP without Ethernet)\n",
        "no hook on ib0 (link type 32)",
        "leave out lo (loopback), veth1 (Ethernet)\n",
    ] {
        assert!(text.contains(expected), "{expected:?} in\n{text}");
    }
    let text = report(&host, &GOOD, &["--loopback"]).to_string();
    assert!(text.contains("lo (loopback), tun0"), "{text}");
    // As `run` takes it: the very name asks for loopback too.
    let text = report(&host, &GOOD, &["--interface", "lo"]).to_string();
    assert!(text.contains("1 would be hooked: lo (loopback)"), "{text}");
}

#[test]
fn a_long_list_is_cut() {
    let host = Fixture::healthy();
    for number in 0..20 {
        host.interface(&format!("cali{number}"), 1);
    }
    let text = report(&host, &GOOD, &[]).to_string();
    assert!(text.contains("21 would be hooked") && text.contains(" and 13 more\n"), "{text}");
}

#[test]
fn no_interface_is_no_failure_as_one_may_come() {
    let host = Fixture::new();
    host.file("proc/self/net/dev", "a\nb\n");
    assert_eq!(item(&report(&host, &GOOD, &[]), "interfaces").level, Level::Limited);
}

#[test]
fn the_report_is_written_before_the_failure() {
    let host = Fixture::new();
    let Command::Check(options) = Cli::parse_from(["x", "check"]).command else { panic!("check") };
    let (proc, sys) = (host.proc(), host.sys());
    let host = Host {
        proc: &proc,
        sys: &sys,
        calls: &GOOD,
        selection: &Selection::default(),
        settings: &Given::default(),
        file: &ConfigFile::default(),
    };
    let mut out = Vec::new();
    let failure = run(&options, &host, &mut out).unwrap_err();
    assert_eq!(failure.code(), 77);
    assert!(String::from_utf8(out).unwrap().contains("mount /proc"));
}

#[test]
fn this_machine_is_understood() {
    let Command::Check(options) = Cli::parse_from(["x", "check"]).command else { panic!("check") };
    let host = Host {
        proc: Path::new("/proc"),
        sys: Path::new("/sys"),
        calls: &crate::kernel::probe::ThisKernel,
        selection: &Selection::default(),
        settings: &Given::default(),
        file: &ConfigFile::default(),
    };
    let report = check(&options, &host);
    assert!(report.items.len() >= 10);
}

#[test]
fn a_kernel_that_hides_who_listens_works_and_says_what_is_lost() {
    let report = report(&Fixture::healthy(), &Answers { listening_sockets: false, ..GOOD }, &[]);
    let item = item(&report, "listening sockets");
    assert_eq!(item.level, Level::Limited);
    assert!(report.to_string().contains("cannot ask for bound UDP sockets"), "{report}");
    assert!(report.to_string().contains("udp_diag"), "{report}");
    assert!(report.failure().is_none());
}
