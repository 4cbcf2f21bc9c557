//! A router between two hosts, the traffic through it, and the processes in it.

use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use flow_tests::harness::until;
use flow_tests::netns::Netns;

use crate::sink::Counted;

/// Flows for one socket of the sender.
const PORTS: u32 = 50_000;

/// The namespaces.
pub(crate) struct Lab {
    client: Netns,
    pub(crate) router: Netns,
    /// Takes everything and forgets it.
    _server: Netns,
}

/// A receiver that counts.
pub(crate) struct Sink(Child);

impl Lab {
    pub(crate) fn new() -> Result<Self> {
        let (client, router, server) = (Netns::new("client")?, Netns::new("router")?, Netns::new("server")?);
        client.connect(("c0", "10.77.1.1/24"), &router, ("rc", "10.77.1.254/24"))?;
        server.connect(("s0", "10.77.2.2/24"), &router, ("rs", "10.77.2.254/24"))?;
        router.run(&["sysctl", "-qw", "net.ipv4.ip_forward=1"])?;
        router.ip("link set lo up")?;
        client.ip("route add default via 10.77.1.254")?;
        // A network behind the server, which does not forward.
        router.ip("route add 10.78.0.0/16 via 10.77.2.2")?;
        Ok(Self { client, router, _server: server })
    }

    /// Starts a receiver beside the agent.
    pub(crate) fn sink(&self) -> Result<Sink> {
        let child = self.this_program(&["sink"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        until("the sink listens", Duration::from_secs(30), || {
            self.router.enter(|| std::net::TcpStream::connect("127.0.0.1:4317").is_ok())
        })?;
        Ok(Sink(child))
    }

    /// This program in the router's namespace.
    pub(crate) fn this_program(&self, words: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", self.router.name()]);
        command.arg(std::env::current_exe().unwrap_or_default()).args(words);
        command
    }

    /// Datagrams of 100 bytes, to each flow in turn, in bursts that keep the rate; for so long, and to the end of a turn. Gives
    /// how many.
    pub(crate) fn send(&self, flows: u32, rate: u32, time: Duration) -> Result<u64> {
        self.client.enter(|| send(flows, rate, time))?
    }
}

fn send(flows: u32, rate: u32, time: Duration) -> Result<u64> {
    let burst = (rate / 400).max(1);
    let sockets =
        (0..flows.div_ceil(PORTS)).map(|_| UdpSocket::bind("10.77.1.1:0")).collect::<Result<Vec<_>, _>>()?;
    let pause = Duration::from_secs(1) * burst / rate;
    let (begin, mut next, mut sent) = (Instant::now(), Instant::now(), 0);
    while begin.elapsed() < time {
        for flow in 0..flows {
            let socket = &sockets[(flow / PORTS) as usize];
            let port = u16::try_from(flow % PORTS + 1).context("fewer than 2^16 ports")?;
            socket.send_to(&[0; 100], ("10.78.0.1", port))?;
            sent += 1;
            if sent % u64::from(burst) == 0 {
                next += pause;
                sleep(next.saturating_duration_since(Instant::now()));
            }
        }
    }
    Ok(sent)
}

impl Sink {
    /// Ends it when it has answered what it has read; gives what it counted.
    pub(crate) fn end(mut self) -> Result<Counted> {
        drop(self.0.stdin.take());
        let mut said = String::new();
        if let Some(mut stdout) = self.0.stdout.take() {
            std::io::Read::read_to_string(&mut stdout, &mut said)?;
        }
        self.0.wait()?;
        said.trim().parse()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
