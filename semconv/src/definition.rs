//! What the registry's constants are made of.

/// Name of a fact, with the type of its value.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Attribute {
    /// Key, as it is sent.
    pub key: &'static str,
    /// Type of the value.
    pub kind: Kind,
    /// One sentence on what it means.
    pub brief: &'static str,
}

/// Type of an attribute's value.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// Text, also where the registry lists the known values.
    String,
    /// Signed 64-bit integer.
    Int,
    /// 64-bit floating point number.
    Double,
    /// True or false.
    Boolean,
    /// List of texts.
    StringArray,
    /// List of integers.
    IntArray,
    /// List of floating point numbers.
    DoubleArray,
    /// List of truth values.
    BooleanArray,
}

/// A kind of log record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Event {
    /// The record's `EventName`.
    pub name: &'static str,
    /// All attributes that a record can have, in the order that columns of a table have.
    pub attributes: &'static [Attribute],
    /// Those of them that every record has.
    pub required: &'static [Attribute],
}

/// A measurement.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Metric {
    /// Name, as it is sent.
    pub name: &'static str,
    /// How it adds up.
    pub instrument: Instrument,
    /// Unit in the notation of UCUM.
    pub unit: &'static str,
    /// One sentence on what it means.
    pub brief: &'static str,
    /// All attributes that a series can have.
    pub attributes: &'static [Attribute],
}

/// How a metric adds up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Instrument {
    /// A sum that only grows.
    Counter,
    /// A sum that grows and shrinks.
    UpDownCounter,
    /// How many values are in each of some ranges.
    Histogram,
}
