//! The Resource: the observer, never an endpoint of a flow.

use std::borrow::Cow;
use std::path::Path;
use std::{env, fs};

use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use percent_encoding::percent_decode_str;
use semconv::{attribute, value};
use uuid::Uuid;

use crate::otlp::wire;

/// Field of `Resource`.
const ATTRIBUTES: u8 = wire::delimited(1);

/// Name space of `service.instance.id` (OpenTelemetry's convention for `service.instance.id`).
const INSTANCE_NAMESPACE: Uuid = Uuid::from_u128(0x4d63_009a_8d0f_11ee_aad7_4c79_6ed8_e320);
const SERVICE_NAME: &str = "otel-flow-exporter";
const SERVICE_NAME_VARIABLE: &str = "OTEL_SERVICE_NAME";
const RESOURCE_ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";

/// What the observer's identity is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observer {
    /// Name of the agent's instance, as agents side by side on a host have each its own.
    pub instance: String,
    /// `host.name`.
    pub host_name: String,
    /// `host.id`: the machine's identity, where it has one.
    pub host_id: Option<String>,
}

impl Observer {
    /// The observer on this machine.
    #[must_use]
    pub fn on_this_host(instance: &str) -> Self {
        let host_name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Self { instance: instance.to_owned(), host_name, host_id: machine_id(Path::new("/")) }
    }

    /// `service.instance.id`: the same after every restart, another for every host and instance.
    fn instance_id(&self, service_name: &str) -> Uuid {
        let host = self.host_id.as_ref().unwrap_or(&self.host_name);
        Uuid::new_v5(&INSTANCE_NAMESPACE, format!("{host}/{service_name}/{}", self.instance).as_bytes())
    }
}

/// The Resource: the observer's attributes, and over them what `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME` say, by a look-up.
#[must_use]
pub fn describe(observer: &Observer, variable: &dyn Fn(&str) -> Option<String>) -> Resource {
    let user = user_attributes(variable(RESOURCE_ATTRIBUTES).as_deref().unwrap_or_default());
    // The specification has a wrong list discarded as a whole, and reported.
    let user = user.unwrap_or_else(|error| {
        tracing::warn!("{RESOURCE_ATTRIBUTES} is ignored: {error}");
        Resource::builder_empty().build()
    });
    resource(observer, &user, variable(SERVICE_NAME_VARIABLE))
}

/// Why `OTEL_RESOURCE_ATTRIBUTES` cannot be used. Entries are counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum UserAttributesError {
    /// No equals sign, or nothing before it.
    #[error("entry {0} is not key=value; write a comma inside a value as %2C")]
    NoPair(usize),
    /// Percent-encoded bytes that are no text.
    #[error("entry {0} is not UTF-8 once its percent-encoding is undone")]
    NoText(usize),
}

/// Reads `key=value,...` with percent-encoded keys and values (OpenTelemetry's specification, "Specifying resource information
/// via an environment variable"). The SDK's `EnvResourceDetector` does the same but for the decoding (0.33,
/// <https://github.com/open-telemetry/opentelemetry-rust/issues/857>). A per cent sign without two digits stands for itself.
fn user_attributes(list: &str) -> Result<Resource, UserAttributesError> {
    let mut attributes = Vec::new();
    for (number, entry) in (1..).zip(list.split(',')).filter(|(_, entry)| !entry.trim().is_empty()) {
        let (key, value) = entry.split_once('=').ok_or(UserAttributesError::NoPair(number))?;
        let decoded = |text: &str| {
            let text = percent_decode_str(text.trim()).decode_utf8();
            text.map(Cow::into_owned).map_err(|_| UserAttributesError::NoText(number))
        };
        let (key, value) = (decoded(key)?, decoded(value)?);
        if key.is_empty() {
            return Err(UserAttributesError::NoPair(number));
        }
        attributes.push(KeyValue::new(key, value));
    }
    Ok(Resource::builder_empty().with_attributes(attributes).build())
}

fn resource(observer: &Observer, user: &Resource, service_name: Option<String>) -> Resource {
    let text = |attribute: semconv::Attribute, value: &str| KeyValue::new(attribute.key, value.to_owned());
    let service_name = service_name
        .or_else(|| user.get(&attribute::SERVICE_NAME.key.into()).map(|name| name.to_string()))
        .unwrap_or_else(|| SERVICE_NAME.to_owned());
    let mut attributes = vec![
        text(attribute::SERVICE_VERSION, env!("CARGO_PKG_VERSION")),
        text(attribute::SERVICE_INSTANCE_ID, &observer.instance_id(&service_name).to_string()),
        text(attribute::HOST_NAME, &observer.host_name),
        text(attribute::OS_TYPE, value::os_type::LINUX),
        // Flows do not go through the OpenTelemetry SDK, and the name `opentelemetry` is reserved for what does. The agent's own
        // metrics do, and have the same Resource all the same, so that they can be joined with the flows.
        text(attribute::TELEMETRY_SDK_NAME, SERVICE_NAME),
        text(attribute::TELEMETRY_SDK_LANGUAGE, value::telemetry_sdk_language::RUST),
        text(attribute::TELEMETRY_SDK_VERSION, env!("CARGO_PKG_VERSION")),
        text(attribute::TELEMETRY_DISTRO_NAME, SERVICE_NAME),
        text(attribute::TELEMETRY_DISTRO_VERSION, env!("CARGO_PKG_VERSION")),
    ];
    attributes.extend(observer.host_id.as_ref().map(|id| text(attribute::HOST_ID, id)));
    attributes.extend(architecture().map(|arch| text(attribute::HOST_ARCH, arch)));
    let user = user.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    Resource::builder_empty()
        .with_attributes(attributes)
        .with_attributes(user)
        .with_service_name(service_name)
        .build()
}

/// Of a Linux host without Kubernetes, `host.id` is the machine id (OpenTelemetry's convention for `host.id`): 32 hexadecimal
/// digits. Images hold an empty file or the word `uninitialized` until their first boot (machine-id(5)), which identifies no host.
fn machine_id(root: &Path) -> Option<String> {
    let valid = |id: &str| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    ["etc/machine-id", "var/lib/dbus/machine-id"]
        .iter()
        .filter_map(|file| fs::read_to_string(root.join(file)).ok())
        .map(|id| id.trim().to_owned())
        .find(|id| valid(id))
}

fn architecture() -> Option<&'static str> {
    match env::consts::ARCH {
        "x86_64" => Some(value::host_arch::AMD64),
        "aarch64" => Some(value::host_arch::ARM64),
        _ => None,
    }
}

/// A Resource as it is sent. Sorted by key, so that a restart sends the same bytes.
#[must_use]
pub fn encode_resource(resource: &Resource) -> Vec<u8> {
    let mut attributes: Vec<_> = resource.iter().collect();
    attributes.sort_by_key(|(key, _)| key.as_str());
    let mut out = Vec::new();
    for (key, value) in attributes {
        let key = key.as_str();
        match value {
            Value::Bool(value) => wire::put_bool(&mut out, ATTRIBUTES, key, *value),
            Value::I64(value) => wire::put_int(&mut out, ATTRIBUTES, key, *value),
            Value::F64(value) => wire::put_double(&mut out, ATTRIBUTES, key, *value),
            Value::Array(Array::String(values)) => {
                wire::put_texts(&mut out, ATTRIBUTES, key, values.iter().map(StringValue::as_str));
            }
            other => wire::put_text(&mut out, ATTRIBUTES, key, other.as_str().as_bytes()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::captured::Captured;

    fn observer() -> Observer {
        Observer { instance: "default".into(), host_name: "node-1".into(), host_id: Some("4c4c4544".into()) }
    }

    fn user(attributes: &[(&'static str, &'static str)]) -> Resource {
        let attributes = attributes.iter().map(|(key, value)| KeyValue::new(*key, *value));
        Resource::builder_empty().with_attributes(attributes).build()
    }

    fn get(resource: &Resource, attribute: semconv::Attribute) -> Option<String> {
        resource.get(&attribute.key.into()).map(|value| value.to_string())
    }

    #[test]
    fn the_instance_id_is_stable_and_its_own_for_each_instance() {
        let other = Observer { instance: "second".into(), ..observer() };
        assert_eq!(observer().instance_id("a"), observer().instance_id("a"));
        assert_ne!(observer().instance_id("a"), other.instance_id("a"));
    }

    #[test]
    fn what_the_user_says_wins() {
        let user = user(&[("service.instance.id", "mine"), ("deployment.environment.name", "prod")]);
        let resource = resource(&observer(), &user, Some("flows".into()));
        assert_eq!(get(&resource, attribute::SERVICE_INSTANCE_ID).as_deref(), Some("mine"));
        assert_eq!(get(&resource, attribute::SERVICE_NAME).as_deref(), Some("flows"));
        assert_eq!(resource.get(&"deployment.environment.name".into()).unwrap().to_string(), "prod");
    }

    #[test]
    fn a_service_name_of_the_resource_attributes_counts_without_the_variable_of_its_own() {
        let resource = resource(&observer(), &user(&[("service.name", "named")]), None);
        assert_eq!(get(&resource, attribute::SERVICE_NAME).as_deref(), Some("named"));
    }

    #[test]
    fn the_user_s_keys_and_values_are_decoded() {
        let user = user_attributes(" team = a%2Cb%3Dc%20d , na%3Dme=%C3%A9,, share=50%,").unwrap();
        assert_eq!(user.get(&"team".into()).unwrap().to_string(), "a,b=c d");
        assert_eq!(user.get(&"na=me".into()).unwrap().to_string(), "\u{e9}");
        assert_eq!(user.get(&"share".into()).unwrap().to_string(), "50%");
        assert_eq!(user.len(), 3);
    }

    #[test]
    fn a_wrong_list_names_the_entry() {
        assert_eq!(user_attributes("a=b,c").unwrap_err(), UserAttributesError::NoPair(2));
        assert_eq!(user_attributes("=b").unwrap_err(), UserAttributesError::NoPair(1));
        assert_eq!(user_attributes("a=b, c=%ff").unwrap_err(), UserAttributesError::NoText(2));
        assert!(user_attributes("").unwrap().is_empty());
    }

    #[test]
    fn variables_name_the_observer_and_a_wrong_list_is_warned_about() {
        let described = |list: &'static str| {
            let log = Captured::default();
            let variable = |name: &str| match name {
                RESOURCE_ATTRIBUTES => Some(list.to_owned()),
                SERVICE_NAME_VARIABLE => Some("named".to_owned()),
                _ => None,
            };
            let resource =
                tracing::subscriber::with_default(log.subscriber(), || describe(&observer(), &variable));
            assert_eq!(get(&resource, attribute::SERVICE_NAME).as_deref(), Some("named"));
            (get(&resource, attribute::HOST_NAME).unwrap(), log.text())
        };
        assert_eq!(described("host.name=mine,service.name=other"), ("mine".to_owned(), String::new()));
        let (host, log) = described("host.name=mine,oops");
        assert_eq!(host, "node-1", "the list is discarded as a whole");
        assert!(
            log.contains("WARN") && log.contains("OTEL_RESOURCE_ATTRIBUTES is ignored: entry 2"),
            "{log}"
        );
    }

    #[test]
    fn only_a_machine_id_identifies_the_host() {
        let root = env::temp_dir().join(format!("machine-id-{}", std::process::id()));
        let write = |file: &str, content: &str| {
            fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            fs::write(root.join(file), content).unwrap();
        };
        assert_eq!(machine_id(&root), None);
        write("etc/machine-id", "uninitialized\n");
        assert_eq!(machine_id(&root), None);
        write("var/lib/dbus/machine-id", "fdbf79e8af94cb7f9e8df36789187052\n");
        assert_eq!(machine_id(&root).as_deref(), Some("fdbf79e8af94cb7f9e8df36789187052"));
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn every_attribute_is_one_of_the_registry_s_resource() {
        let resource = resource(&observer(), &user(&[]), None);
        for (key, _) in &resource {
            let known = semconv::resource::ATTRIBUTES.iter().any(|attribute| attribute.key == key.as_str());
            assert!(known, "{key} is not in the registry's resource");
        }
        assert_eq!(get(&resource, attribute::SERVICE_NAME).as_deref(), Some(SERVICE_NAME));
    }
}
