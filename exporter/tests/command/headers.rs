//! The headers that variables name, at a receiver that writes them down.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Result, ensure};
use flow_tests::netns::Netns;

use crate::collector::{datagrams, exporting};
use crate::program::Program;
use crate::topology::Pair;

const ADDRESS: &str = "127.0.0.1:50418";

/// Path and `x-tenant` of each request, and how many there were.
type Heard = Arc<Mutex<BTreeMap<(String, String), u32>>>;

/// Takes every request. Its threads end with the process.
fn listen(namespace: &Netns, heard: &Heard) -> Result<()> {
    namespace.enter(|| {
        let listener = TcpListener::bind(ADDRESS)?;
        let heard = Arc::clone(heard);
        thread::spawn(move || {
            while let Ok((connection, _)) = listener.accept() {
                let heard = Arc::clone(&heard);
                // Whatever goes wrong is seen by the client.
                thread::spawn(move || take(connection, &heard));
            }
        });
        Ok(())
    })?
}

fn take(connection: TcpStream, heard: &Heard) -> Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut writer = connection;
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let (mut tenant, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim().split_once(": ") else { break };
            match name.to_lowercase().as_str() {
                "x-tenant" => value.clone_into(&mut tenant),
                "content-length" => length = value.parse()?,
                _ => {}
            }
        }
        reader.read_exact(&mut vec![0; length])?;
        *heard.lock().unwrap_or_else(PoisonError::into_inner).entry((path, tenant)).or_default() += 1;
        writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
    }
}

/// Records have the headers for all signals; metrics of flows and of the agent itself have those of metrics.
pub(crate) fn of_each_signal() -> Result<()> {
    let pair = Pair::new()?;
    let heard = Heard::default();
    listen(&pair.server, &heard)?;
    let mut command = exporting(&pair, &format!("http://{ADDRESS}"), "none");
    command.env("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=all");
    command.env("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "x-tenant=metrics");
    let program = Program::start(command)?;
    datagrams(&pair)?;
    let ended = program.stop()?;
    ensure!(ended.status.success() && ended.stderr.contains("balances"), "{}", ended.stderr);
    ensure!(!ended.stderr.contains("WARN"), "{}", ended.stderr);
    let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
    let kinds: Vec<(&str, &str)> =
        heard.keys().map(|(path, tenant)| (path.as_str(), tenant.as_str())).collect();
    ensure!(kinds == [("/v1/logs", "all"), ("/v1/metrics", "metrics")], "{heard:?}");
    // Both of flows and of the agent.
    ensure!(heard.values().sum::<u32>() >= 3, "{heard:?}");
    Ok(())
}
