use super::*;
use crate::captured::Captured;
use crate::flow::{HistogramKind, Temporality};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const LOGS_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";

fn lookup(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
    |name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
}

fn read(variables: &[(&str, &str)]) -> Result<Option<Settings>, SettingsError> {
    Settings::read(Signal::Logs, &lookup(variables))
}

/// Reads variables beside a valid endpoint.
fn with(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    read(&[&[(ENDPOINT, "http://collector:4317")], variables].concat()).map(Option::unwrap)
}

fn destination(variables: &[(&str, &str)]) -> Result<Destination, SettingsError> {
    Destination::read(Signal::Logs, &lookup(variables))
}

#[test]
fn no_endpoint_is_no_export() {
    assert_eq!(read(&[]), Ok(None));
    assert_eq!(read(&[(ENDPOINT, " "), (PROTOCOL, "smoke")]), Ok(None));
}

#[test]
fn an_endpoint_alone_takes_the_defaults() {
    let settings = with(&[]).unwrap();
    assert_eq!(settings.timeout, Duration::from_secs(10));
    assert_eq!(settings.compression, Encoding::None);
    assert_eq!((settings.tls, settings.token), (TlsFiles::default(), None));
    assert!(settings.headers.is_empty());
}

#[test]
fn the_port_decides_where_no_protocol_is_set() {
    for (value, protocol, uri) in [
        ("http://collector:4318", Protocol::HttpProtobuf, "http://collector:4318/v1/logs"),
        ("http://collector", Protocol::HttpProtobuf, "http://collector/v1/logs"),
        ("https://collector/otlp/", Protocol::HttpProtobuf, "https://collector/otlp/v1/logs"),
        ("HTTP://10.0.0.1:4317", Protocol::Grpc, "http://10.0.0.1:4317"),
        ("https://[::1]:4317/", Protocol::Grpc, "https://[::1]:4317"),
        (" http://[2001:db8::1]:1 ", Protocol::HttpProtobuf, "http://[2001:db8::1]:1/v1/logs"),
    ] {
        let settings = read(&[(ENDPOINT, value)]).unwrap().unwrap();
        assert_eq!((settings.protocol, settings.endpoint_name().as_str()), (protocol, uri), "{value}");
    }
}

#[test]
fn an_endpoint_for_logs_is_taken_as_it_is() {
    for (value, uri) in [
        ("http://collector:4318", "http://collector:4318/"),
        ("http://collector:4318/v1/logs", "http://collector:4318/v1/logs"),
        ("https://backend/in?token=secret", "https://backend/in?token=secret"),
    ] {
        let settings = read(&[(LOGS_ENDPOINT, value), (ENDPOINT, "http://other")]).unwrap().unwrap();
        assert_eq!(settings.endpoint, uri);
        assert!(!settings.endpoint_name().contains("secret"));
    }
}

#[test]
fn an_endpoint_may_be_a_socket() {
    for (value, protocol, name) in [
        ("unix:///run/otlp.sock", "", "unix:/run/otlp.sock"),
        ("unix:/run/otlp.sock", "grpc", "unix:/run/otlp.sock"),
        ("unix:otlp.sock", "grpc", "unix:otlp.sock"),
        ("unix:@otlp", "http/protobuf", "unix:@otlp"),
        ("unix://@otlp", "grpc", "unix:@otlp"),
        ("unix-abstract:otlp", "grpc", "unix:@otlp"),
    ] {
        let settings = read(&[(ENDPOINT, value), (PROTOCOL, protocol)]).unwrap().unwrap();
        assert_eq!(settings.endpoint_name(), name, "{value}");
        let path = if protocol == "grpc" { Signal::Logs.grpc_path() } else { Signal::Logs.http_path() };
        assert_eq!(settings.endpoint.to_string(), format!("http://localhost{path}"));
        assert!(!settings.is_encrypted());
    }
    let long = format!("unix:/{}", "a".repeat(108));
    assert!(read(&[(ENDPOINT, &long)]).unwrap_err().to_string().contains("at most 107 bytes"));
}

/// The proxy's address and its variable, of an endpoint.
fn proxy(endpoint: &str, variables: &[(&str, &str)]) -> Option<(String, String)> {
    match read(&[&[(ENDPOINT, endpoint)], variables].concat()).unwrap().unwrap().route {
        Route::Direct => None,
        Route::Proxy(Proxy { uri, variable, .. }) => Some((uri.to_string(), variable)),
        Route::Unix(_) => panic!("no socket"),
    }
}

#[test]
fn the_scheme_chooses_the_variable_of_the_proxy() {
    let all = [
        ("ALL_PROXY", "http://f"),
        ("all_proxy", "http://e"),
        ("HTTP_PROXY", "http://d"),
        ("http_proxy", "http://c:1"),
        ("HTTPS_PROXY", "http://b"),
        ("https_proxy", "a:3128"),
    ];
    let chosen = |endpoint, count: usize| proxy(endpoint, &all[..count]);
    let found = |uri: &str, variable: &str| Some((uri.to_owned(), variable.to_owned()));
    for endpoint in ["https://collector:4317", "https://collector"] {
        assert_eq!(chosen(endpoint, 6), found("http://a:3128/", "https_proxy"));
        assert_eq!(chosen(endpoint, 5), found("http://b/", "HTTPS_PROXY"));
        assert_eq!(chosen(endpoint, 4), found("http://e/", "all_proxy"));
        assert_eq!(chosen(endpoint, 1), found("http://f/", "ALL_PROXY"));
        assert_eq!(chosen(endpoint, 0), None);
    }
    assert_eq!(chosen("http://collector:4317", 6), found("http://c:1/", "http_proxy"));
    assert_eq!(chosen("http://collector", 3), found("http://d/", "HTTP_PROXY"));
}

#[test]
fn no_proxy_names_what_is_reached_without() {
    let by_proxy = |endpoint: &str, no_proxy: &str| {
        let variables = [("https_proxy", "http://proxy:3128"), ("no_proxy", no_proxy)];
        proxy(&format!("https://{endpoint}"), &variables).is_some()
    };
    assert!(by_proxy("collector.example:4317", ""));
    for no_proxy in ["*", "collector.example", "example", ".example", "a, EXAMPLE ,b"] {
        assert!(!by_proxy("collector.example:4317", no_proxy), "{no_proxy}");
    }
    for no_proxy in ["other", "ample", "collector.example.org"] {
        assert!(by_proxy("collector.example:4317", no_proxy), "{no_proxy}");
    }
    assert!(!by_proxy("10.1.2.3:4317", "10.0.0.0/8") && by_proxy("11.1.2.3:4317", "10.0.0.0/8"));
    assert!(!by_proxy("[2001:db8::1]:4317", "2001:db8::/32"));
    for endpoint in ["localhost:4317", "127.0.0.2:4317", "[::1]:4317"] {
        assert!(!by_proxy(endpoint, ""), "this host: {endpoint}");
    }
    let upper = [("https_proxy", "http://proxy"), ("NO_PROXY", "collector")];
    assert_eq!(proxy("https://collector", &upper), None);
}

#[test]
fn a_proxy_that_cannot_be_used_is_told_without_its_password() {
    for (value, part) in [
        ("socks5://user:secret@proxy:1080", "begins with socks5://"),
        ("HTTPS://user:secret@proxy", "begins with https://"),
        ("ftp://user:secret@proxy", "is no address"),
        ("http://user:secret@", "is no address"),
        ("http://user:sec ret@proxy", "is no address"),
        ("://secret", "is no address"),
    ] {
        let variables = [(ENDPOINT, "https://collector:4317"), ("HTTPS_PROXY", value)];
        let sentence = read(&variables).unwrap_err().to_string();
        assert!(sentence.starts_with("HTTPS_PROXY ") && sentence.contains(part), "{sentence}");
        assert!(sentence.contains("no_proxy") && !sentence.contains("secret"), "{sentence}");
        let variables = [&variables[..], &[("no_proxy", "collector")]].concat();
        assert_eq!(read(&variables).unwrap().unwrap().route, Route::Direct);
    }
    let settings = with(&[("http_proxy", "http://user:secret%21@proxy:3128")]).unwrap();
    assert!(!format!("{settings:?}").contains("secret"), "{settings:?}");
    let Route::Proxy(proxy) = settings.route else { panic!("a proxy") };
    // user:secret!
    assert_eq!(proxy.authorization.unwrap(), "Basic dXNlcjpzZWNyZXQh");
}

#[test]
fn a_protocol_goes_before_the_port() {
    let settings = |protocol, endpoint| read(&[(ENDPOINT, endpoint), (PROTOCOL, protocol)]).unwrap().unwrap();
    assert_eq!(settings("http/protobuf", "http://a:4317").endpoint, "http://a:4317/v1/logs");
    let grpc = settings("grpc", "http://a");
    assert_eq!(grpc.endpoint, "http://a:4317/opentelemetry.proto.collector.logs.v1.LogsService/Export");
    assert_eq!(grpc.endpoint_name(), "http://a:4317");
}

#[test]
fn without_a_scheme_grpc_is_encrypted_unless_it_may_be_insecure() {
    let settings = |insecure| {
        let insecure = ("OTEL_EXPORTER_OTLP_INSECURE", insecure);
        read(&[(ENDPOINT, "collector:4317"), insecure]).map(|settings| settings.unwrap().endpoint_name())
    };
    assert_eq!(settings("").unwrap(), "https://collector:4317");
    assert_eq!(settings("False").unwrap(), "https://collector:4317");
    assert_eq!(settings("true").unwrap(), "http://collector:4317");
    assert!(settings("yes").unwrap_err().to_string().starts_with("OTEL_EXPORTER_OTLP_INSECURE is \"yes\""));
}

#[test]
fn wrong_endpoints_say_what_is_wrong() {
    for (value, parts) in [
        ("collector:4318", "has no scheme: write http://collector:4318"),
        ("collector?token=secret", "has no scheme: write http://collector "),
        ("ftp://collector", "begins with ftp://"),
        ("unix:", "write unix:/path/of/socket"),
        ("unix:@", "write unix:/path/of/socket"),
        ("unix-abstract:", "write unix:/path/of/socket"),
        ("http://user:secret@collector:4317", "OTEL_EXPORTER_OTLP_HEADERS"),
        ("user:secret@collector:4317", "OTEL_EXPORTER_OTLP_HEADERS"),
        ("http://", "write http://host:port"),
        ("http://:4317", "write http://host:port"),
        ("http://collector:", "write http://host:port"),
        ("http://collector:99999", "\"collector:99999\""),
        ("http://collector:0", "\"collector:0\""),
        ("http://col lector:4317", "\"col lector:4317\""),
        ("http://::1", "\"::1\""),
        ("http://collector:4317/v1/logs", "has \"/v1/logs\" behind the port"),
        ("http://collector:4317?token=secret", "has \"?\" behind the port"),
        ("http://collector?token=secret", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"),
        ("http://collector/a b", "cannot be sent"),
        ("secret@http://collector:4317", "OTEL_EXPORTER_OTLP_HEADERS"),
    ] {
        let sentence = read(&[(ENDPOINT, value)]).unwrap_err().to_string();
        assert!(sentence.starts_with("OTEL_EXPORTER_OTLP_ENDPOINT "), "{sentence}");
        assert!(sentence.contains(parts), "{sentence}");
        assert!(!sentence.contains("secret"), "{sentence}");
    }
}

#[test]
fn a_variable_for_logs_goes_first_and_is_the_one_named() {
    let settings = with(&[
        (LOGS_ENDPOINT, "http://logs"),
        ("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "1"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "2"),
        ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "a=1"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=2,b=2"),
        ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc"),
        (PROTOCOL, "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", "zstd"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE", "/ca"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/other"),
        ("OTEL_EXPORTER_OTLP_LOGS_CLIENT_CERTIFICATE", "/cert"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key"),
    ])
    .unwrap();
    assert_eq!(settings.endpoint_name(), "http://logs:4317");
    assert_eq!(settings.timeout, Duration::from_millis(1));
    assert_eq!(settings.headers.len(), 1);
    assert_eq!(settings.headers["a"], "1");
    assert_eq!(settings.compression, Encoding::Zstd);
    let identity = Identity { certificate: "/cert".into(), key: "/key".into() };
    assert_eq!(settings.tls, TlsFiles { authority: Some("/ca".into()), identity: Some(identity) });

    let error = with(&[(LOGS_ENDPOINT, "logs")]).unwrap_err();
    assert!(error.to_string().starts_with("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT "));
}

#[test]
fn a_wrong_value_is_named_with_its_variable_and_the_remedy() {
    for (setting, value, part) in [
        ("PROTOCOL", "http/json", "write http/protobuf"),
        ("PROTOCOL", "GRPC", "no protocol of OTLP"),
        ("COMPRESSION", "brotli", "none, gzip or zstd"),
        ("TIMEOUT", "0", "milliseconds"),
        ("TIMEOUT", "-1", "milliseconds"),
        ("TIMEOUT", "10s", "milliseconds"),
        ("TIMEOUT", "1.5", "milliseconds"),
        ("TIMEOUT", "99999999999", "milliseconds"),
        ("CLIENT_KEY", "/key", "without OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"),
        ("CLIENT_CERTIFICATE", "/certificate", "without OTEL_EXPORTER_OTLP_CLIENT_KEY"),
        ("HEADERS", "a=1,b", ", entry 2 of its list: "),
    ] {
        for name in Signal::Logs.variables(setting) {
            let sentence = with(&[(&name, value)]).unwrap_err().to_string();
            assert!(sentence.starts_with(&name) && sentence.contains(part), "{sentence}");
        }
    }
}

#[test]
fn a_token_does_not_go_with_an_authorization() {
    let token = ("OTEL_FLOW_EXPORTER_BEARER_TOKEN_FILE", "/token");
    assert_eq!(with(&[token]).unwrap().token, Some("/token".into()));
    let error = with(&[token, ("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=secret")]).unwrap_err();
    assert!(error.to_string().contains("remove one") && !error.to_string().contains("secret"));
}

#[test]
fn debug_hides_the_values_of_headers() {
    let settings = with(&[("OTEL_EXPORTER_OTLP_HEADERS", "authorization=secret")]).unwrap();
    assert!(!format!("{settings:?}").contains("secret"));
}

#[test]
fn the_destination_is_what_the_variables_say() {
    let endpoint = (ENDPOINT, "http://collector:4318");
    let exporter = |value| ("OTEL_LOGS_EXPORTER", value);
    let disabled = |value| ("OTEL_SDK_DISABLED", value);
    let otlp = Destination::Otlp(Box::new(read(&[endpoint]).unwrap().unwrap()));
    let nothing = |variable: &str| Destination::Nothing { variable: variable.to_owned() };
    for (variables, expected) in [
        (&[][..], Destination::Unset),
        (&[exporter(""), disabled("")], Destination::Unset),
        (&[endpoint], otlp.clone()),
        (&[endpoint, exporter(" otlp "), disabled("false")], otlp),
        (&[endpoint, exporter("console")], Destination::Console),
        (&[endpoint, exporter("none")], nothing("OTEL_LOGS_EXPORTER")),
        (&[endpoint, disabled("TRUE")], nothing("OTEL_SDK_DISABLED")),
    ] {
        assert_eq!(destination(variables).unwrap(), expected, "{variables:?}");
    }
    assert!(destination(&[exporter("otlp,console")]).unwrap_err().to_string().contains("one of"));
}

#[test]
fn a_wrong_value_that_would_disable_everything_is_warned_about_and_counts_as_false() {
    let variables = [(ENDPOINT, "http://collector:4318"), ("OTEL_SDK_DISABLED", "1")];
    let log = Captured::default();
    let destinations = tracing::subscriber::with_default(log.subscriber(), || {
        [Signal::Logs, Signal::Metrics].map(|signal| Destination::read(signal, &lookup(&variables)).unwrap())
    });
    assert!(destinations.iter().all(|destination| matches!(destination, Destination::Otlp(_))));
    let text = log.text();
    assert!(text.lines().count() == 1 && text.contains("WARN"), "{text}");
    assert!(text.contains("OTEL_SDK_DISABLED is \"1\": write true or false"), "{text}");
}

#[test]
fn who_asks_for_otlp_and_says_no_more_gets_the_port_on_this_host() {
    for (protocol, endpoint) in [("", "http://localhost:4318/v1/logs"), ("grpc", "http://localhost:4317")] {
        let Destination::Otlp(settings) =
            destination(&[("OTEL_LOGS_EXPORTER", "otlp"), (PROTOCOL, protocol)]).unwrap()
        else {
            panic!("otlp")
        };
        assert_eq!(settings.endpoint_name(), endpoint);
    }
}

#[test]
fn an_endpoint_for_one_signal_is_for_no_other() {
    let of = |signal, name| Destination::read(signal, &lookup(&[(name, "http://a:4317")])).unwrap();
    for (signal, other, name) in [
        (Signal::Logs, Signal::Metrics, LOGS_ENDPOINT),
        (Signal::Metrics, Signal::Logs, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"),
    ] {
        assert!(matches!(of(signal, name), Destination::Otlp(_)), "{name}");
        assert_eq!(of(other, name), Destination::Unset, "{name}");
    }
}

#[test]
fn metrics_have_their_own_paths_and_variables() {
    let read = |variables| Settings::read(Signal::Metrics, &lookup(variables)).unwrap().unwrap();
    assert_eq!(read(&[(ENDPOINT, "http://a")]).endpoint, "http://a/v1/metrics");
    let grpc = read(&[(ENDPOINT, "http://a:4317"), ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "7")]);
    assert_eq!(grpc.endpoint.path(), "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export");
    assert_eq!(grpc.timeout, Duration::from_millis(7));
    let error = Settings::read(Signal::Metrics, &lookup(&[(ENDPOINT, "http://a?b")])).unwrap_err();
    assert!(error.to_string().contains("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"), "{error}");
}

#[test]
fn metrics_can_be_exported_printed_or_left_out() {
    let of = |value| {
        let variables = [(ENDPOINT, "http://a"), ("OTEL_METRICS_EXPORTER", value)];
        Destination::read(Signal::Metrics, &lookup(&variables))
    };
    assert!(matches!(of("otlp").unwrap(), Destination::Otlp(_)));
    assert_eq!(of("none").unwrap(), Destination::Nothing { variable: "OTEL_METRICS_EXPORTER".to_owned() });
    assert_eq!(of("console").unwrap(), Destination::Console);
    assert!(of("prometheus").unwrap_err().to_string().ends_with("write one of otlp, console, none"));
}

#[test]
fn metrics_are_cumulative_and_sent_each_minute_unless_told_otherwise() {
    const PREFERENCE: &str = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
    const INTERVAL: &str = "OTEL_METRIC_EXPORT_INTERVAL";
    const AGGREGATION: &str = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION";
    let read = |variables: &[(&str, &str)]| MetricsSettings::read(&lookup(variables));
    let default = MetricsSettings {
        interval: Duration::from_mins(1),
        temporality: Temporality::Cumulative,
        asynchronous: Temporality::Cumulative,
        histogram: HistogramKind::Explicit,
    };
    assert_eq!(read(&[]).unwrap(), default);
    assert_eq!(read(&[(PREFERENCE, "Cumulative")]).unwrap(), default);
    for (value, asynchronous) in [("delta", Temporality::Delta), ("LowMemory", Temporality::Cumulative)] {
        let read = read(&[(PREFERENCE, value)]).unwrap();
        assert_eq!((read.temporality, read.asynchronous), (Temporality::Delta, asynchronous), "{value}");
    }
    assert_eq!(read(&[(INTERVAL, "250")]).unwrap().interval, Duration::from_millis(250));
    assert_eq!(read(&[(AGGREGATION, "explicit_bucket_histogram")]).unwrap(), default);
    let exponential = read(&[(AGGREGATION, "base2_exponential_bucket_histogram")]).unwrap();
    assert_eq!(exponential.histogram, HistogramKind::Exponential);
    for (name, value) in [(AGGREGATION, "none"), (PREFERENCE, "total"), (INTERVAL, "0"), (INTERVAL, "1m")] {
        assert!(read(&[(name, value)]).unwrap_err().to_string().starts_with(name));
    }
}
