//! What tells series apart.

use std::str::FromStr;

use semconv::{Attribute, attribute};

use crate::aggregate::key::Subject;
use crate::aggregate::series::Attributes;
use crate::flow::{AttributeSink, FlowRecord, Record, SeriesValue};

/// A fact of flows that series may be told apart by, besides the transport and the direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// IP version.
    Type,
    /// Interface of the accounting point.
    Interface,
    /// Address of the initiator.
    Source,
    /// Address of the other end.
    Destination,
    /// Port of the other end.
    DestinationPort,
}

/// A name that is no dimension's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is no dimension of metrics; there are {}", known())]
pub struct UnknownDimension {
    name: String,
}

impl Dimension {
    pub(super) const ALL: [Self; 5] =
        [Self::Type, Self::Interface, Self::Source, Self::Destination, Self::DestinationPort];

    /// The attribute that a series has of it.
    #[must_use]
    pub fn attribute(self) -> Attribute {
        match self {
            Self::Type => attribute::NETWORK_TYPE,
            Self::Interface => attribute::NETWORK_INTERFACE_NAME,
            Self::Source => attribute::SOURCE_ADDRESS,
            Self::Destination => attribute::DESTINATION_ADDRESS,
            Self::DestinationPort => attribute::DESTINATION_PORT,
        }
    }
}

impl FromStr for Dimension {
    type Err = UnknownDimension;

    /// By the attribute's name.
    fn from_str(name: &str) -> Result<Self, UnknownDimension> {
        let dimension = Self::ALL.into_iter().find(|dimension| dimension.attribute().key == name);
        dimension.ok_or_else(|| UnknownDimension { name: name.to_owned() })
    }
}

fn known() -> String {
    Dimension::ALL.map(|dimension| dimension.attribute().key).join(", ")
}

/// The attributes of the series that takes what `of` says of a flow.
pub(super) fn attributes(of: Subject<'_>, flow: &FlowRecord<'_>, dimensions: &[Dimension]) -> Attributes {
    let mut chosen = Chosen { dimensions, attributes: Vec::with_capacity(dimensions.len() + 3) };
    chosen.attributes.extend(of.attributes());
    // The record itself says which fact has which name and form: a series is to be found by what the records have.
    Record::Flow(flow).attributes(&mut chosen);
    chosen.attributes
}

/// Keeps of a record's attributes those of the series.
struct Chosen<'a> {
    dimensions: &'a [Dimension],
    attributes: Attributes,
}

impl Chosen<'_> {
    fn keep(&mut self, attribute: Attribute, value: impl FnOnce() -> SeriesValue) {
        // Of a sample, the figures are estimates, and say so.
        let always =
            [attribute::NETWORK_TRANSPORT, attribute::NETWORK_FLOW_SAMPLING_RATE].contains(&attribute);
        if always || self.dimensions.iter().any(|dimension| dimension.attribute() == attribute) {
            self.attributes.push((attribute, value()));
        }
    }
}

impl AttributeSink for Chosen<'_> {
    fn text(&mut self, attribute: Attribute, value: &str) {
        self.keep(attribute, || SeriesValue::Text(value.into()));
    }

    fn int(&mut self, attribute: Attribute, value: i64) {
        self.keep(attribute, || SeriesValue::Int(value));
    }

    /// A measurement tells nothing apart.
    fn double(&mut self, _: Attribute, _: f64) {}

    /// No dimension is a list.
    fn texts<'a>(&mut self, _: Attribute, _: impl Iterator<Item = &'a str> + Clone) {}

    fn ints(&mut self, _: Attribute, _: impl Iterator<Item = i64> + Clone) {}

    fn doubles(&mut self, _: Attribute, _: impl Iterator<Item = f64> + Clone) {}
}
