//! A series' identity, made of facts as the record has them: a record that comes to a known series formats nothing.

use std::net::IpAddr;

use semconv::value::network_flow_direction as value;
use semconv::{Attribute, attribute};

use crate::aggregate::dimension::Dimension;
use crate::flow::{ConnectionError, DropReason, FlowRecord, SeriesValue};

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
pub(super) enum Subject<'a> {
    /// What one end sent.
    Traffic(FlowDirection),
    /// What one end sent again.
    Retransmits(FlowDirection),
    /// What was dropped of what one end sent, and why.
    Drop(FlowDirection, &'a DropReason),
    /// That a connection was opened, or why it could not be.
    Opening(Option<ConnectionError>),
    /// How long a round trip took.
    RoundTrip,
}

impl Subject<'_> {
    /// The attributes that it is.
    pub(super) fn attributes(self) -> impl Iterator<Item = (Attribute, SeriesValue)> {
        let direction = match self {
            Self::Traffic(direction) | Self::Retransmits(direction) | Self::Drop(direction, _) => {
                Some(direction.name())
            }
            Self::Opening(_) | Self::RoundTrip => None,
        };
        let why = match self {
            Self::Opening(Some(error)) => Some((attribute::ERROR_TYPE, error.name())),
            Self::Drop(_, reason) => Some((attribute::NETWORK_DROP_REASON, reason.name())),
            Self::Traffic(_) | Self::Retransmits(_) | Self::Opening(None) | Self::RoundTrip => None,
        };
        let text = |(attribute, value): (Attribute, &str)| (attribute, SeriesValue::Text(value.into()));
        let direction = direction.map(|name| (attribute::NETWORK_FLOW_DIRECTION, name));
        [direction.map(text), why.map(text)].into_iter().flatten()
    }
}

/// `None` is both what is not chosen and what the record does not know: which of them it is, is the same for all keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    direction: Option<FlowDirection>,
    error: Option<ConnectionError>,
    drop_reason: Option<DropReason>,
    protocol: u8,
    ip_version: Option<u8>,
    interface: Option<Box<str>>,
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
    destination_port: Option<u16>,
}

impl Key {
    /// Of the series that takes what `of` says of the flow.
    pub(super) fn new(of: Subject<'_>, flow: &FlowRecord<'_>, dimensions: &[Dimension]) -> Self {
        let (direction, error, drop_reason) = match of {
            Subject::Traffic(direction) | Subject::Retransmits(direction) => (Some(direction), None, None),
            Subject::Drop(direction, reason) => (Some(direction), None, Some(reason.clone())),
            Subject::Opening(error) => (None, error, None),
            Subject::RoundTrip => (None, None, None),
        };
        let mut key = Self {
            direction,
            error,
            drop_reason,
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
