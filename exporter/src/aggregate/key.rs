//! A series' identity, made of facts as the record has them: a record that comes to a known series formats nothing.

use std::net::IpAddr;

use semconv::value::network_flow_direction as value;
use semconv::{Attribute, attribute};

use crate::aggregate::dimension::Dimension;
use crate::flow::{ConnectionError, FlowRecord, SeriesValue};

/// Who sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum FlowDirection {
    /// The source.
    Forward,
    /// The destination.
    Reverse,
}

impl FlowDirection {
    /// The attribute's value.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Forward => value::FORWARD,
            Self::Reverse => value::REVERSE,
        }
    }
}

/// What is told of a flow: what tells the series of one kind of value apart, besides the dimensions.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject {
    /// What one end sent.
    Traffic(FlowDirection),
    /// What one end sent again.
    Retransmits(FlowDirection),
    /// That a connection was opened, or why it could not be.
    Opening(Option<ConnectionError>),
    /// How long a round trip took.
    RoundTrip,
}

impl Subject {
    /// The attribute that it is.
    pub(super) fn attribute(self) -> Option<(Attribute, SeriesValue)> {
        let (attribute, value) = match self {
            Self::Traffic(direction) | Self::Retransmits(direction) => {
                (attribute::NETWORK_FLOW_DIRECTION, direction.name())
            }
            Self::Opening(error) => (attribute::ERROR_TYPE, error?.name()),
            Self::RoundTrip => return None,
        };
        Some((attribute, SeriesValue::Text(value.into())))
    }
}

/// `None` is both what is not chosen and what the record does not know: which of them it is, is the same for all keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    direction: Option<FlowDirection>,
    error: Option<ConnectionError>,
    protocol: u8,
    ip_version: Option<u8>,
    interface: Option<Box<str>>,
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
    destination_port: Option<u16>,
}

impl Key {
    /// Of the series that takes what `of` says of the flow.
    pub(super) fn new(of: Subject, flow: &FlowRecord<'_>, dimensions: &[Dimension]) -> Self {
        let (direction, error) = match of {
            Subject::Traffic(direction) | Subject::Retransmits(direction) => (Some(direction), None),
            Subject::Opening(error) => (None, error),
            Subject::RoundTrip => (None, None),
        };
        let mut key = Self {
            direction,
            error,
            protocol: flow.protocol,
            ip_version: None,
            interface: None,
            source: None,
            destination: None,
            destination_port: None,
        };
        for dimension in dimensions {
            match dimension {
                Dimension::Type => key.ip_version = Some(flow.ip_version),
                Dimension::Interface => key.interface = flow.hook.map(|hook| hook.interface.clone()),
                Dimension::Source => key.source = Some(flow.source.address),
                Dimension::Destination => key.destination = Some(flow.destination.address),
                Dimension::DestinationPort => key.destination_port = flow.destination.port,
            }
        }
        key
    }
}
