//! Network namespaces for tests, and what is in them. Nothing outside is touched.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd;
use std::process::{Command, Stdio, id};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail, ensure};
use exporter::flow::Counts;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A network namespace of its own; deleted with everything in it when dropped.
#[derive(Debug)]
pub struct Netns {
    name: String,
}

/// What an interface counted: whole frames.
#[derive(Clone, Copy, Debug)]
pub struct Counters {
    /// Frames that came in.
    pub received: Counts,
    /// Frames that went out.
    pub sent: Counts,
}

impl Netns {
    /// A new one. The label is for the reader of `ip netns`.
    ///
    /// # Errors
    /// Without root or iproute2.
    pub fn new(label: &str) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("ofe-{}-{}-{label}", id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        run(Command::new("ip").args(["netns", "add", &name]))?;
        Ok(Self { name })
    }

    /// The name that `ip netns` knows it by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Moves the calling thread inside. Threads and processes that it starts are inside too.
    ///
    /// # Errors
    /// If the namespace cannot be entered.
    pub fn join(&self) -> Result<()> {
        let namespace =
            File::open(format!("/run/netns/{}", self.name)).context("opening a network namespace")?;
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
            .context("entering a network namespace")
    }

    /// Runs something on a thread of its own inside the namespace. Threads and processes that it starts are inside too.
    ///
    /// # Errors
    /// If the namespace cannot be entered.
    ///
    /// # Panics
    /// If `work` does.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| self.join().map(|()| work()));
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Link-layer address of an interface.
    ///
    /// # Errors
    /// What `ip` says, such as that there is no such interface.
    pub fn mac(&self, interface: &str) -> Result<String> {
        let link = self.ip(&format!("-br link show {interface}"))?;
        Ok(link.split_whitespace().nth(2).context("an interface without an address")?.to_owned())
    }

    /// What an interface itself counted.
    ///
    /// # Errors
    /// If there is no such interface.
    pub fn counters(&self, interface: &str) -> Result<Counters> {
        // In /proc, because /sys shows the namespace in which it was mounted.
        let table = self.enter(|| std::fs::read_to_string("/proc/thread-self/net/dev"))??;
        let line = table
            .lines()
            .find_map(|line| line.trim().strip_prefix(interface)?.strip_prefix(':'))
            .with_context(|| format!("no interface {interface}"))?;
        let numbers: Vec<u64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let counts = |at: usize| Counts { packets: numbers[at + 1], bytes: numbers[at] };
        Ok(Counters { received: counts(0), sent: counts(8) })
    }

    /// `ip` in the namespace; gives its output.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn ip(&self, arguments: &str) -> Result<String> {
        run(Command::new("ip").args(["-n", &self.name]).args(arguments.split_whitespace()))
    }

    /// `tc` in the namespace; gives its output.
    ///
    /// # Errors
    /// What `tc` says.
    pub fn tc(&self, arguments: &str) -> Result<String> {
        run(Command::new("tc").args(["-n", &self.name]).args(arguments.split_whitespace()))
    }

    /// A program in the namespace; gives its output.
    ///
    /// # Errors
    /// What the program says.
    pub fn run(&self, command: &[&str]) -> Result<String> {
        run(Command::new("ip").args(["netns", "exec", &self.name]).args(command))
    }

    /// Many commands for one `ip`.
    ///
    /// # Errors
    /// What `ip` says of the first that fails.
    pub fn ip_batch(&self, commands: impl IntoIterator<Item = String>) -> Result<()> {
        let mut ip = Command::new("ip")
            .args(["-n", &self.name, "-batch", "-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting ip")?;
        let mut input = ip.stdin.take().context("ip has no stdin")?;
        for command in commands {
            writeln!(input, "{command}")?;
        }
        drop(input);
        let output = ip.wait_with_output()?;
        ensure!(output.status.success(), "ip -batch: {}", String::from_utf8_lossy(&output.stderr).trim());
        Ok(())
    }

    /// A pair of interfaces, both here and down.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn veth(&self, one: &str, other: &str) -> Result<()> {
        self.ip(&format!("link add {one} type veth peer name {other}")).map(drop)
    }

    /// A pair of interfaces, one here and one in another namespace, both up and with an address.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn connect(
        &self,
        (one, address): (&str, &str),
        peer: &Self,
        (other, peer_address): (&str, &str),
    ) -> Result<()> {
        self.ip(&format!("link add {one} type veth peer name {other} netns {}", peer.name))?;
        for (namespace, interface, address) in [(self, one, address), (peer, other, peer_address)] {
            namespace.ip(&format!("addr add {address} dev {interface}"))?;
            namespace.ip(&format!("link set {interface} up"))?;
        }
        Ok(())
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        // What is left is left to see; a test that failed has said why already.
        let _ = run(Command::new("ip").args(["netns", "del", &self.name]));
    }
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("starting {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
