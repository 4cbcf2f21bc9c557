//! Whether somebody listens where flows would go.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use http::Uri;

use crate::command::check::{Cause, Item};

/// The first that is set decides, as the specification of OTLP says.
const VARIABLES: [&str; 2] = ["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
/// The port of OTLP over gRPC.
const DEFAULT_PORT: u16 = 4317;
/// Name look-up and connection together.
const PATIENCE: Duration = Duration::from_secs(2);

const SUBJECT: &str = "endpoint";

pub(super) fn item(variable: &dyn Fn(&str) -> Option<String>) -> Item {
    let set = VARIABLES.into_iter().find_map(|name| {
        // An empty variable is one that is not set.
        Some((name, variable(name).filter(|value| !value.trim().is_empty())?))
    });
    let Some((name, value)) = set else {
        let finding = format!("{} is not set: flows are printed", VARIABLES[1]);
        return Item::ok(SUBJECT, finding);
    };
    // The value is not repeated, as it may have a password in it.
    let Some((host, port)) = target(value.trim()) else {
        let finding = format!("{name} is not of the form http://host:port");
        return Item::missing(SUBJECT, Cause::Configuration, finding)
            .with_remedy("write it like http://localhost:4317");
    };
    match reach(host.clone(), port, PATIENCE) {
        Ok(()) => Item::ok(SUBJECT, format!("{host}:{port} of {name} accepts connections")),
        Err(error) => {
            let finding = format!("{host}:{port} of {name} cannot be reached ({error})");
            Item::missing(SUBJECT, Cause::Unavailable, finding)
                .with_remedy("start the OpenTelemetry Collector there, or correct the variable")
        }
    }
}

/// Host and port of `http://host:port`.
fn target(value: &str) -> Option<(String, u16)> {
    let uri: Uri = value.parse().ok()?;
    let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http"))?;
    let plain = !authority.as_str().contains('@') && matches!(uri.path(), "" | "/") && uri.query().is_none();
    if !plain || authority.host().is_empty() {
        return None;
    }
    let port = match authority.port() {
        Some(port) => port.as_str().parse().ok()?,
        // "host:" and "host:99999" have no port in the eyes of the library.
        None if authority.as_str() == authority.host() => DEFAULT_PORT,
        None => return None,
    };
    Some((authority.host().to_owned(), port))
}

/// Connects within `patience`, in a thread of its own as a name look-up has no limit; the thread ends with the process.
fn reach(host: String, port: u16, patience: Duration) -> io::Result<()> {
    let deadline = Instant::now() + patience;
    let (result, received) = mpsc::channel();
    thread::Builder::new().spawn(move || {
        // Nobody waits any more if this fails.
        let _ = result.send(connect(&host, port, deadline));
    })?;
    received.recv_timeout(patience).unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// The first address that accepts.
fn connect(host: &str, port: u16, deadline: Instant) -> io::Result<()> {
    // In a URI the brackets belong to the address, elsewhere they do not.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs()? {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::command::check::Level;

    fn with(name: &'static str, value: String) -> Item {
        item(&move |asked: &str| (asked == name).then(|| value.clone()))
    }

    #[test]
    fn without_a_variable_flows_are_printed() {
        assert_eq!(item(&|_| None).level, Level::Ok);
        assert_eq!(item(&|_| Some(String::new())).level, Level::Ok);
    }

    #[test]
    fn somebody_who_listens_is_found_and_the_variable_of_logs_goes_first() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let url = format!("http://{}", listener.local_addr().unwrap());
            let found = item(&move |asked: &str| {
                Some(if asked == VARIABLES[0] { url.clone() } else { "http://192.0.2.1:1".to_owned() })
            });
            assert_eq!(found.level, Level::Ok, "{}", found.finding);
        }
    }

    #[test]
    fn nobody_who_listens_is_a_receiver_that_is_not_there() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let found = with(VARIABLES[1], format!("http://127.0.0.1:{port}/"));
        assert_eq!(found.level, Level::Missing(Cause::Unavailable));
        assert!(found.finding.contains("refused"), "{}", found.finding);
    }

    #[test]
    fn what_is_no_endpoint_is_told_without_repeating_it() {
        let found = with(VARIABLES[1], "http://user:secret@localhost:4317".to_owned());
        assert_eq!(found.level, Level::Missing(Cause::Configuration));
        assert!(!found.finding.contains("secret"));
    }

    #[test]
    fn the_forms_of_an_endpoint() {
        for (value, expected) in [
            ("http://collector:4317", Some(("collector", 4317))),
            ("http://collector", Some(("collector", DEFAULT_PORT))),
            ("http://[::1]:4317/", Some(("[::1]", 4317))),
            ("https://collector:4317", None),
            ("collector:4317", None),
            ("http://collector:4317/v1/logs", None),
            ("http://collector:99999", None),
            ("http://:4317", None),
        ] {
            let expected = expected.map(|(host, port)| (host.to_owned(), port));
            assert_eq!(target(value), expected, "{value}");
        }
    }

    #[test]
    fn silence_is_not_waited_for() {
        // Nobody answers for an address of TEST-NET-1 (RFC 5737); some networks say so at once.
        let started = Instant::now();
        assert!(reach("192.0.2.1".to_owned(), 4317, Duration::from_millis(100)).is_err());
        assert!(started.elapsed() < Duration::from_secs(1));
    }
}
