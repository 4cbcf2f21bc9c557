//! What Loki and Prometheus answer: they have one format for numbers.

use anyhow::{Context, Result, ensure};
use flow_tests::netns::Netns;
use serde_json::Value;

/// Asks over HTTP, inside a namespace; gives the data of the answer.
pub(crate) fn ask(namespace: &Netns, url: &str, parameters: &[(&str, &str)]) -> Result<Value> {
    let parameters: Vec<_> = parameters.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mut command = vec!["curl", "--silent", "--show-error", "--max-time", "30", "--get", url];
    command.extend(parameters.iter().flat_map(|parameter| ["--data-urlencode", parameter]));
    let text = namespace.run(&command)?;
    let mut answer: Value = serde_json::from_str(&text).with_context(|| format!("{url} answers {text}"))?;
    ensure!(answer["status"] == "success", "{url} answers {text}");
    Ok(answer["data"].take())
}

/// Whether a server says that it is ready.
pub(crate) fn is_ready(namespace: &Netns, url: &str) -> bool {
    namespace.run(&["curl", "--silent", "--fail", "--max-time", "30", url]).is_ok()
}

/// Labels and values of a vector.
pub(crate) fn vector(data: &Value) -> Result<Vec<(&Value, f64)>> {
    ensure!(data["resultType"] == "vector", "no vector: {data}");
    let series = data["result"].as_array().context("an array")?;
    ensure!(!series.is_empty(), "no series");
    series
        .iter()
        .map(|series| {
            let value = series["value"][1].as_str().with_context(|| format!("no value: {series}"))?;
            Ok((&series["metric"], value.parse()?))
        })
        .collect()
}

/// The value of a vector's only element.
pub(crate) fn number(data: &Value) -> Result<f64> {
    let vector = vector(data)?;
    ensure!(vector.len() == 1, "{} series: {data}", vector.len());
    Ok(vector[0].1)
}

/// Compares what a backend has with what was counted, both below 2^53.
#[expect(clippy::cast_precision_loss, clippy::float_cmp, reason = "whole numbers below 2^53 are exact")]
pub(crate) fn equal(found: f64, counted: u64) -> Result<()> {
    ensure!(found == counted as f64, "{found} is found, {counted} crossed the interface");
    Ok(())
}

/// The begin of an answer, for a message.
pub(crate) fn excerpt(data: &Value) -> String {
    data.to_string().chars().take(1000).collect()
}
