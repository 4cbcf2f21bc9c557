//! What the table says of one record.

use std::fmt::{Arguments, Write};

use semconv::value::{network_interface_direction, network_tcp_flags as flag};
use semconv::{Attribute, attribute};

use crate::flow::{AttributeSink, EndReason, Endpoint, FlowRecord, OtherRecord, Record, TcpFlags, timestamp};
use crate::print::row::time_of;
use crate::print::table::fit;
use crate::print::table::layout::Field;
use crate::print::table::units;

/// The text of each field, in memory that is used again for the next record.
#[derive(Debug, Default)]
pub(super) struct Cells([String; Field::COUNT]);

impl Cells {
    pub(super) fn fill(&mut self, record: Record<'_>) {
        self.0.iter_mut().for_each(String::clear);
        // Hours, minutes and seconds of an RFC 3339 time.
        self.put(Field::Time, format_args!("{}", &timestamp(time_of(record))[11..19]));
        record.attributes(self);
        match record {
            Record::Flow(flow) => self.fill_flow(flow),
            Record::Other(other) => self.fill_other(other),
        }
    }

    pub(super) fn get(&self, field: Field) -> &str {
        &self.0[field as usize]
    }

    /// Room that a field's text wants.
    pub(super) fn width(&self, field: Field) -> usize {
        fit::width(self.get(field))
    }

    fn fill_flow(&mut self, flow: &FlowRecord<'_>) {
        self.put_endpoint(Field::Source, &flow.source);
        self.put_endpoint(Field::Destination, &flow.destination);
        let (sent, received) = (flow.source.counts, flow.destination.counts);
        self.put(Field::PacketsSent, format_args!("{}", units::Count(sent.packets)));
        self.put(Field::BytesSent, format_args!("{}", units::Bytes(sent.bytes)));
        self.put(Field::PacketsReceived, format_args!("{}", units::Count(received.packets)));
        self.put(Field::BytesReceived, format_args!("{}", units::Bytes(received.bytes)));
        self.put(Field::Duration, format_args!("{}", units::Duration(flow.duration)));
        if let Some(flags) = flow.tcp_flags {
            self.0[Field::Flags as usize].extend(letters(flags));
        }
        self.put(Field::EndReason, format_args!("{}", end_reason(flow.end_reason)));
    }

    /// Packets without endpoints: what is wrong with them, and where.
    fn fill_other(&mut self, other: &OtherRecord<'_>) {
        self.put(Field::Transport, format_args!("-"));
        self.put(Field::Source, format_args!("({})", other.reason.name()));
        match other.hook {
            Some(hook) => self.put(Field::Destination, format_args!("at {hook}")),
            None => self.put(Field::Destination, format_args!("at some interface")),
        }
        self.put(Field::PacketsSent, format_args!("{}", units::Count(other.counts.packets)));
        self.put(Field::BytesSent, format_args!("{}", units::Bytes(other.counts.bytes)));
        self.put(Field::EndReason, format_args!("{}", end_reason(other.end_reason)));
    }

    fn put_endpoint(&mut self, field: Field, endpoint: &Endpoint) {
        let address = endpoint.address;
        match endpoint.port {
            None => self.put(field, format_args!("{address}")),
            Some(port) if address.is_ipv4() => self.put(field, format_args!("{address}:{port}")),
            Some(port) => self.put(field, format_args!("[{address}]:{port}")),
        }
    }

    fn put(&mut self, field: Field, text: Arguments<'_>) {
        self.0[field as usize].write_fmt(text).expect("a String takes everything");
    }
}

/// Takes the facts that a record knows only as attributes.
impl AttributeSink for Cells {
    fn text(&mut self, attribute: Attribute, value: &str) {
        if attribute == attribute::NETWORK_TRANSPORT {
            self.put(Field::Transport, format_args!("{value}"));
        } else if attribute == attribute::NETWORK_INTERFACE_NAME {
            self.put(Field::Interface, format_args!("{value}"));
        } else if attribute == attribute::NETWORK_INTERFACE_DIRECTION {
            let short = if value == network_interface_direction::INGRESS { "in" } else { "out" };
            self.put(Field::Interface, format_args!(" {short}"));
        }
    }

    fn int(&mut self, _attribute: Attribute, _value: i64) {}

    fn double(&mut self, _attribute: Attribute, _value: f64) {}

    fn texts<'a>(&mut self, _attribute: Attribute, _values: impl Iterator<Item = &'a str> + Clone) {}

    fn ints(&mut self, _attribute: Attribute, _values: impl Iterator<Item = i64> + Clone) {}

    fn doubles(&mut self, _attribute: Attribute, _values: impl Iterator<Item = f64> + Clone) {}
}

/// The flags that tell a connection's story, in the order of its life.
fn letters(flags: TcpFlags) -> impl Iterator<Item = char> {
    const LETTERS: [(&str, char); 5] =
        [(flag::SYN, 'S'), (flag::ACK, 'A'), (flag::FIN, 'F'), (flag::RST, 'R'), (flag::PSH, 'P')];
    LETTERS
        .into_iter()
        .filter(move |&(name, _)| flags.names().any(|seen| seen == name))
        .map(|(_, letter)| letter)
}

fn end_reason(reason: EndReason) -> &'static str {
    match reason {
        EndReason::ActiveTimeout => "active",
        EndReason::IdleTimeout => "idle",
        EndReason::EndOfFlow => "end",
        EndReason::ForcedEnd => "forced",
        EndReason::LackOfResources => "full",
    }
}
