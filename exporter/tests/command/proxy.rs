//! The way through a proxy to a Collector: the proxy is the only one that knows the Collector's name.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, ensure};
use flow_tests::collector::{Collector, GRPC_ADDRESS};
use flow_tests::netns::Netns;

use crate::collector::{arrives, certificates, exporting};
use crate::program::Program;
use crate::topology::{Pair, SERVER};

/// A name that nobody else can look up.
const NAME: &str = "collector.example";
const PROXY: &str = "127.0.0.1:50128";
const VARIABLE: &str = "https_proxy";

/// A proxy that gives tunnels (`CONNECT`) to who has the password: whatever the name, they lead to its own host. It ends when this is
/// dropped.
struct TunnelProxy {
    listener: TcpListener,
    asked: Arc<Mutex<Vec<String>>>,
    accepting: Option<JoinHandle<()>>,
}

impl TunnelProxy {
    fn start(namespace: &Netns) -> Result<Self> {
        namespace.enter(|| {
            let listener = TcpListener::bind(PROXY)?;
            let asked = Arc::default();
            // It is in the namespace as well, and so are the tunnels' threads.
            let accepting = thread::spawn({
                let (listener, asked) = (listener.try_clone()?, Arc::clone(&asked));
                move || accept(&listener, &asked)
            });
            Ok(Self { listener, asked, accepting: Some(accepting) })
        })?
    }

    /// What it was asked for, one line each.
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for TunnelProxy {
    fn drop(&mut self) {
        // Accepting ends with an error.
        let _ = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
        let _ = self.accepting.take().map(JoinHandle::join);
    }
}

fn accept(listener: &TcpListener, asked: &Arc<Mutex<Vec<String>>>) {
    while let Ok((client, _)) = listener.accept() {
        let asked = Arc::clone(asked);
        // Whatever goes wrong is seen by the client.
        thread::spawn(move || tunnel(client, &asked));
    }
}

fn tunnel(mut client: TcpStream, asked: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head);
    let request = head.lines().next().unwrap_or_default();
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(request.to_owned());
    let port = request.strip_prefix("CONNECT ").and_then(|rest| rest.split([':', ' ']).nth(1)?.parse().ok());
    // user:p@ss
    let Some(port) = port.filter(|_| head.to_lowercase().contains("proxy-authorization: basic dxnlcjpwqhnz"))
    else {
        return client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    };
    let server = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port)))?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || carry(from_client, to_server));
    carry(server, client)
}

/// All that one end says, to the other.
fn carry(mut from: TcpStream, mut to: TcpStream) -> io::Result<()> {
    let carried = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
    carried.map(drop)
}

/// A Collector that speaks TLS at every address, as [`NAME`] and as the server's address, to an agent with a proxy. Gives what the
/// proxy was asked for.
fn deliver(host: &str, port: u16, no_proxy: &str) -> Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    certificates(folder.path(), &[NAME, SERVER])?;
    let tls = format!("tls: {{cert_file: {}, key_file: {}}}", path("server.pem"), path("server.key"));
    let more = format!(
        "yaml:receivers::otlp::protocols: \
         {{grpc: {{endpoint: '0.0.0.0:4317', {tls}}}, http: {{endpoint: '0.0.0.0:4318', {tls}}}}}"
    );
    let pair = Pair::new()?;
    let out = tempfile::tempdir()?;
    let collector = Collector::start_with(&pair.server, GRPC_ADDRESS, out.path(), &[&more])?;
    let proxy = TunnelProxy::start(&pair.server)?;
    let mut command = exporting(&pair, &format!("https://{host}:{port}"), "none");
    command.env("OTEL_EXPORTER_OTLP_CERTIFICATE", path("ca.pem"));
    command.env(VARIABLE, format!("http://user:p%40ss@{PROXY}"));
    command.env("no_proxy", no_proxy);
    arrives(&pair, collector, out.path(), Program::start(command)?)
        .with_context(|| format!("https://{host}:{port}: the proxy was asked for {:?}", proxy.asked()))?;
    Ok(proxy.asked())
}

/// TLS is between agent and Collector, inside of the tunnel, over gRPC and HTTP.
pub(crate) fn tunnel_to_collector() -> Result<()> {
    for port in [4317, 4318] {
        let asked = deliver(NAME, port, "other.example")?;
        let expected = format!("CONNECT {NAME}:{port} HTTP/1.1");
        ensure!(!asked.is_empty() && asked.iter().all(|line| *line == expected), "{asked:?}");
    }
    Ok(())
}

/// What `no_proxy` names is reached without: by a network of addresses here.
pub(crate) fn without() -> Result<()> {
    for port in [4317, 4318] {
        let asked = deliver(SERVER, port, "other.example,10.77.0.0/16")?;
        ensure!(asked.is_empty(), "the proxy was asked for {asked:?}");
    }
    Ok(())
}
