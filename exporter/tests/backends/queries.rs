//! The queries of docs/backends.md: a block of a query language under a line that says what it is for.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::stack::Crossed;

/// A query's title, and what its answer has to say of what crossed the interface.
pub(crate) type Check = (&'static str, fn(&Value, &Crossed) -> Result<()>);

/// Pairs the queries of a language in the documentation with their checks. Each has to have the other.
pub(crate) fn documented(language: &str, checks: &[Check]) -> Result<Vec<(String, Check)>> {
    let queries = read(language)?;
    for (title, _) in &queries {
        ensure!(checks.iter().any(|(known, _)| known == title), "nobody checks the query {title:?}");
    }
    checks
        .iter()
        .map(|check| {
            let found = queries.iter().find(|(title, _)| title == check.0);
            let (_, query) = found.with_context(|| format!("the query {:?} is not documented", check.0))?;
            Ok((query.clone(), *check))
        })
        .collect()
}

/// Titles and queries in their order.
fn read(language: &str) -> Result<Vec<(String, String)>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/backends.md");
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let fence = format!("```{language}");
    let mut queries = Vec::new();
    let mut lines = text.lines();
    let mut title = String::new();
    while let Some(line) = lines.next() {
        if line == fence {
            let query: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            queries.push((title.trim_end_matches(':').to_owned(), query.join("\n")));
        } else if !line.is_empty() {
            line.clone_into(&mut title);
        }
    }
    Ok(queries)
}
