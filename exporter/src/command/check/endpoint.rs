//! Whether somebody listens where flows and metrics would go.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use http::Uri;
use http::uri::Scheme;

use crate::command::check::{Cause, Item};
use crate::export::{
    Destination, MetricsSettings, Otlp, Protocol, Proxy, Route, Settings, Signal, Source, UnixAddress,
};

/// Name look-up and connection together.
const PATIENCE: Duration = Duration::from_secs(2);

const SUBJECT: &str = "endpoint";
const METRICS: &str = "metrics endpoint";

/// One item for each receiver, or one that says why there is none; and one if metrics are printed.
pub(super) fn items(source: &dyn Source) -> Vec<Item> {
    let mut items = receivers(source);
    if matches!(Destination::read(Signal::Metrics, source), Ok(Destination::Console)) {
        items.push(Item::ok("metrics", "they are printed to the standard error"));
    }
    items
}

fn receivers(source: &dyn Source) -> Vec<Item> {
    let metrics = Destination::read(Signal::Metrics, source).and_then(|metrics| match metrics {
        Destination::Otlp(settings) => MetricsSettings::read(source).map(|_| Some(*settings)),
        Destination::Console => MetricsSettings::read(source).map(|_| None),
        Destination::Unset | Destination::Nothing { .. } => Ok(None),
    });
    let (logs, metrics) = match (Destination::read(Signal::Logs, source), metrics) {
        (Ok(logs), Ok(metrics)) => (logs, metrics),
        (Err(error), _) | (_, Err(error)) => {
            return vec![Item::missing(SUBJECT, Cause::Configuration, error.to_string())];
        }
    };
    let logs = match logs {
        Destination::Otlp(logs) => *logs,
        Destination::Console => {
            let console = Item::ok(SUBJECT, "flows are printed");
            return [console].into_iter().chain(metrics.map(|metrics| receiver(METRICS, metrics))).collect();
        }
        Destination::Unset | Destination::Nothing { .. } if metrics.is_some() => {
            return metrics.map(|metrics| receiver(METRICS, metrics)).into_iter().collect();
        }
        Destination::Unset => {
            return vec![Item::ok(SUBJECT, "OTEL_EXPORTER_OTLP_ENDPOINT is not set: flows are printed")];
        }
        Destination::Nothing { variable } => {
            return vec![Item::ok(SUBJECT, format!("{variable} turns the export off"))];
        }
    };
    // Mostly one receiver takes both.
    let of_its_own = metrics.filter(|metrics| {
        let other = target(&metrics.endpoint) != target(&logs.endpoint) || metrics.route != logs.route;
        other || metrics.tls != logs.tls
    });
    let logs = receiver(SUBJECT, logs);
    [logs].into_iter().chain(of_its_own.map(|metrics| receiver(METRICS, metrics))).collect()
}

fn receiver(subject: &'static str, settings: Settings) -> Item {
    let ((host, port), protocol, route) =
        (target(&settings.endpoint), settings.protocol, settings.route.clone());
    // It reads the files that the settings name.
    if let Err(error) = Otlp::new(settings, Arc::default()) {
        return Item::missing(subject, Cause::Configuration, error.to_string());
    }
    match route {
        Route::Direct => {}
        Route::Proxy(proxy) => return by_proxy(subject, &proxy, &format!("{host}:{port}")),
        Route::Unix(address) => return by_socket(subject, &address, protocol),
    }
    match reach(host.clone(), port, PATIENCE) {
        Ok(()) => Item::ok(subject, format!("{host}:{port} accepts connections; the protocol is {protocol}")),
        Err(error) => {
            Item::missing(subject, Cause::Unavailable, format!("{host}:{port} cannot be reached ({error})"))
                .with_remedy("start the OpenTelemetry Collector there, or correct the endpoint")
        }
    }
}

fn by_proxy(subject: &'static str, Proxy { uri, variable, .. }: &Proxy, endpoint: &str) -> Item {
    let (host, port) = target(uri);
    match reach(host.clone(), port, PATIENCE) {
        Ok(()) => Item::ok(
            subject,
            format!(
                "the proxy {host}:{port} of {variable} accepts connections; {endpoint} behind it is not asked"
            ),
        ),
        Err(error) => Item::missing(
            subject,
            Cause::Unavailable,
            format!("the proxy {host}:{port} of {variable} cannot be reached ({error})"),
        )
        .with_remedy("start the proxy, or name the endpoint's host in no_proxy"),
    }
}

fn by_socket(subject: &'static str, address: &UnixAddress, protocol: Protocol) -> Item {
    let connect = {
        let address = address.clone();
        move |_| address.connect()
    };
    match within(PATIENCE, connect) {
        Ok(()) => Item::ok(subject, format!("{address} accepts connections; the protocol is {protocol}")),
        Err(error) => {
            Item::missing(subject, Cause::Unavailable, format!("{address} cannot be reached ({error})"))
                .with_remedy("start the OpenTelemetry Collector there, or correct the endpoint")
        }
    }
}

/// Settings always have a host and a scheme.
fn target(endpoint: &Uri) -> (String, u16) {
    let of_scheme = if endpoint.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    (endpoint.host().unwrap_or_default().to_owned(), endpoint.port_u16().unwrap_or(of_scheme))
}

/// Connects within `patience`.
fn reach(host: String, port: u16, patience: Duration) -> io::Result<()> {
    within(patience, move |deadline| connect(&host, port, deadline))
}

/// Connects in a thread of its own, as a name look-up has no limit; the thread ends with the process.
fn within(
    patience: Duration,
    connect: impl FnOnce(Instant) -> io::Result<()> + Send + 'static,
) -> io::Result<()> {
    let deadline = Instant::now() + patience;
    let (result, received) = mpsc::channel();
    thread::Builder::new().spawn(move || {
        // Nobody waits any more if this fails.
        let _ = result.send(connect(deadline));
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

    /// The only item.
    fn item(variable: &dyn Fn(&str) -> Option<String>) -> Item {
        let [item] = <[Item; 1]>::try_from(items(&variable)).unwrap();
        item
    }

    fn with(value: &str) -> Item {
        item(&|asked: &str| (asked == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| value.to_owned()))
    }

    #[test]
    fn without_a_variable_flows_are_printed() {
        assert_eq!(item(&|_| None).level, Level::Ok);
        assert_eq!(item(&|_| Some(String::new())).level, Level::Ok);
    }

    #[test]
    fn somebody_who_listens_is_found() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let found = with(&format!("http://{}", listener.local_addr().unwrap()));
            assert_eq!(found.level, Level::Ok, "{}", found.finding);
        }
    }

    #[test]
    fn nobody_who_listens_is_a_receiver_that_is_not_there() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let found = with(&format!("http://127.0.0.1:{port}/"));
        assert_eq!(found.level, Level::Missing(Cause::Unavailable));
        assert!(found.finding.contains("refused"), "{}", found.finding);
    }

    #[test]
    fn a_file_that_is_not_there_is_told() {
        let found = item(&|asked| match asked {
            "OTEL_EXPORTER_OTLP_ENDPOINT" => Some("https://localhost:4317".to_owned()),
            "OTEL_EXPORTER_OTLP_CERTIFICATE" => Some("/nowhere/ca.pem".to_owned()),
            _ => None,
        });
        assert_eq!(found.level, Level::Missing(Cause::Configuration));
        assert!(found.finding.contains("/nowhere/ca.pem"), "{}", found.finding);
    }

    #[test]
    fn an_export_that_is_off_needs_nobody() {
        let found = item(&|asked| (asked == "OTEL_SDK_DISABLED").then(|| "true".to_owned()));
        assert_eq!(
            (found.level, found.finding.as_str()),
            (Level::Ok, "OTEL_SDK_DISABLED turns the export off")
        );
    }

    #[test]
    fn what_is_no_endpoint_is_told_without_repeating_a_secret() {
        let found = with("http://user:secret@localhost:4317");
        assert_eq!(found.level, Level::Missing(Cause::Configuration));
        assert!(!found.finding.contains("secret"));
    }

    #[test]
    fn a_receiver_of_metrics_alone_is_looked_at() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let found = item(&|asked| (asked == "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT").then(|| endpoint.clone()));
        assert_eq!((found.level, found.subject), (Level::Ok, METRICS), "{}", found.finding);
        let both = items(&|asked: &str| match asked {
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT" => Some("http://127.0.0.1:1".to_owned()),
            "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(endpoint.clone()),
            _ => None,
        });
        let levels: Vec<_> = both.iter().map(|item| item.level).collect();
        assert_eq!(levels, [Level::Ok, Level::Missing(Cause::Unavailable)]);
    }

    #[test]
    fn a_socket_and_a_proxy_are_looked_at_instead_of_a_host() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("otlp.sock");
        let endpoint = format!("unix:{}", path.display());
        let found = with(&endpoint);
        assert_eq!(found.level, Level::Missing(Cause::Unavailable), "{}", found.finding);
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let found = with(&endpoint);
        assert!(found.level == Level::Ok && found.finding.contains("otlp.sock"), "{}", found.finding);

        let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
        let by_proxy = |address: String| {
            item(&|asked| match asked {
                "OTEL_EXPORTER_OTLP_ENDPOINT" => Some("http://collector.example:4317".to_owned()),
                "http_proxy" => Some(format!("http://user:secret@{address}")),
                _ => None,
            })
        };
        let found = by_proxy(proxy.local_addr().unwrap().to_string());
        assert_eq!(found.level, Level::Ok, "{}", found.finding);
        assert!(
            found.finding.contains("http_proxy") && !found.finding.contains("secret"),
            "{}",
            found.finding
        );
        let address = proxy.local_addr().unwrap().to_string();
        drop(proxy);
        assert_eq!(by_proxy(address).level, Level::Missing(Cause::Unavailable));
    }

    #[test]
    fn metrics_that_are_printed_need_nobody() {
        let all = |interval: &str| {
            items(&|asked: &str| match asked {
                "OTEL_METRICS_EXPORTER" => Some("console".to_owned()),
                "OTEL_METRIC_EXPORT_INTERVAL" => Some(interval.to_owned()),
                _ => None,
            })
        };
        let found = all("1000");
        assert!(found.iter().all(|item| item.level == Level::Ok), "{found:?}");
        assert_eq!(found.iter().map(|item| item.subject).collect::<Vec<_>>(), [SUBJECT, "metrics"]);
        assert!(all("never").iter().any(|item| item.level == Level::Missing(Cause::Configuration)));
    }

    #[test]
    fn wrong_settings_of_metrics_are_told() {
        let found = item(&|asked| match asked {
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT" => Some("http://127.0.0.1:1".to_owned()),
            "OTEL_METRIC_EXPORT_INTERVAL" => Some("never".to_owned()),
            _ => None,
        });
        assert_eq!(found.level, Level::Missing(Cause::Configuration), "{}", found.finding);
    }
}
