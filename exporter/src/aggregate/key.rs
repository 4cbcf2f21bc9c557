//! A series' identity, made of facts as the record has them: a record that comes to a known series formats nothing.

use std::net::IpAddr;

use semconv::value::network_flow_direction as value;

use crate::aggregate::dimension::Dimension;
use crate::flow::FlowRecord;

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

/// `None` is both what is not chosen and what the record does not know: which of them it is, is the same for all keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    direction: FlowDirection,
    protocol: u8,
    ip_version: Option<u8>,
    interface: Option<Box<str>>,
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
    destination_port: Option<u16>,
}

impl Key {
    /// Of the series that takes what the flow sent in this direction.
    pub(super) fn new(direction: FlowDirection, flow: &FlowRecord<'_>, dimensions: &[Dimension]) -> Self {
        let mut key = Self {
            direction,
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
