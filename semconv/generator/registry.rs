//! The registry as a whole: all files of the model, and what is known of upstream.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;
use thiserror::Error;

use super::model::{Attribute, Event, File, Group, Manifest, Member, Metric, Reference, Type, Upstream};

/// Id of the attribute group that is the exporter's resource.
const RESOURCE: &str = "exporter.resource";

/// Why the model cannot be read.
#[derive(Debug, Error)]
pub(crate) enum LoadError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is not what the registry's format allows: {source}")]
    Parse { path: PathBuf, source: Box<serde_saphyr::Error> },
    #[error(
        "the model has to define the attribute group `{RESOURCE}` once, with the annotation `scope_name`"
    )]
    Resource,
}

/// All definitions, in the order of files by name and of definitions within a file.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    pub(crate) manifest: Manifest,
    pub(crate) upstream: Upstream,
    pub(crate) own: Vec<Attribute>,
    pub(crate) events: Vec<Event>,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) resource: Group,
    pub(crate) scope_name: String,
}

impl Registry {
    /// Reads `model/*.yaml` and `upstream.yaml` in the package's folder.
    pub(crate) fn load(package: &Path) -> Result<Self, LoadError> {
        let manifest_path = package.join("model/manifest.yaml");
        let (mut own, mut events, mut metrics, mut groups) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for path in yaml_files(&package.join("model"))?.into_iter().filter(|path| *path != manifest_path) {
            let file: File = parse(&path, &read(&path)?)?;
            own.extend(file.attributes);
            events.extend(file.events);
            metrics.extend(file.metrics);
            groups.extend(file.attribute_groups);
        }
        let (resource, scope_name) = exporter(groups)?;
        let upstream_path = package.join("upstream.yaml");
        Ok(Self {
            manifest: parse(&manifest_path, &read(&manifest_path)?)?,
            upstream: parse(&upstream_path, &read(&upstream_path)?)?,
            own,
            events,
            metrics,
            resource,
            scope_name,
        })
    }

    /// Every attribute that has a definition: ours, then upstream's.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.own.iter().chain(&self.upstream.attributes)
    }

    /// Every metric that has a definition: ours, then upstream's.
    pub(crate) fn metrics(&self) -> impl Iterator<Item = &Metric> {
        self.metrics.iter().chain(&self.upstream.metrics)
    }

    /// The definition of an attribute.
    pub(crate) fn attribute(&self, key: &str) -> Option<&Attribute> {
        self.attributes().find(|attribute| attribute.key == key)
    }

    /// Every use of an attribute, with the name of the signal or group that uses it.
    pub(crate) fn references(&self) -> impl Iterator<Item = (&str, &Reference)> {
        let events = self.events.iter().map(|event| (event.name.as_str(), &event.attributes));
        let metrics = self.metrics().map(|metric| (metric.name.as_str(), &metric.attributes));
        events
            .chain(metrics)
            .chain([(self.resource.id.as_str(), &self.resource.attributes)])
            .flat_map(|(by, references)| references.iter().map(move |reference| (by, reference)))
    }

    /// Known values of an attribute: those of its type, then those that its uses add.
    pub(crate) fn values<'a>(&'a self, attribute: &'a Attribute) -> Vec<&'a Member> {
        let mut values: Vec<_> = match &attribute.kind {
            Type::Enum { members } => members.iter().collect(),
            Type::Plain(_) => Vec::new(),
        };
        values.extend(&attribute.annotations.values);
        for (_, reference) in self.references().filter(|(_, reference)| reference.key == attribute.key) {
            values.extend(&reference.annotations.values);
        }
        values
    }
}

/// The exporter's resource and the name of its scope, from the model's only attribute group.
pub(crate) fn exporter(groups: Vec<Group>) -> Result<(Group, String), LoadError> {
    let [resource] = <[Group; 1]>::try_from(groups).map_err(|_| LoadError::Resource)?;
    let scope_name = resource.annotations.scope_name.clone().filter(|_| resource.id == RESOURCE);
    Ok((resource, scope_name.ok_or(LoadError::Resource)?))
}

/// Reads one file of the model.
pub(crate) fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, LoadError> {
    serde_saphyr::from_str(text)
        .map_err(|source| LoadError::Parse { path: path.to_owned(), source: Box::new(source) })
}

fn read(path: &Path) -> Result<String, LoadError> {
    fs::read_to_string(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })
}

/// Sorted, because the order of a folder's entries differs between file systems.
fn yaml_files(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let failed = |source| LoadError::Read { path: folder.to_owned(), source };
    let entries = fs::read_dir(folder).map_err(failed)?;
    let mut paths =
        entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, io::Error>>().map_err(failed)?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    Ok(paths)
}
