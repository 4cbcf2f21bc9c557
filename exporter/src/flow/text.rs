//! Values as text, on the stack: a record is written without allocating.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::{Deref, Range};

use abi::protocol;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use semconv::value::network_transport as transport_name;

use crate::clock::WallTime;
use crate::flow::{CommunityId, Mac};

/// Text of at most `N` ASCII characters.
#[derive(Clone, Copy, Debug)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Text<N> {
    fn new() -> Self {
        Self { bytes: [0; N], len: 0 }
    }

    /// ASCII characters.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    /// `width` decimal digits, with leading zeros.
    fn push_digits(&mut self, mut number: u64, width: usize) {
        for place in (self.len..self.len + width).rev() {
            self.bytes[place] = b'0' + (number % 10) as u8;
            number /= 10;
        }
        self.len += width;
    }

    fn push_decimal(&mut self, number: u64) {
        let width = number.checked_ilog10().unwrap_or(0) as usize + 1;
        self.push_digits(number, width);
    }

    /// A group of an IPv6 address, without leading zeros.
    fn push_group(&mut self, group: u16) {
        let digits = (group | 1).ilog2() / 4 + 1;
        for place in (0..digits).rev() {
            self.push(LOWER[usize::from(group >> (4 * place) & 15)]);
        }
    }
}

impl<const N: usize> From<[u8; N]> for Text<N> {
    fn from(bytes: [u8; N]) -> Self {
        Self { bytes, len: N }
    }
}

impl<const N: usize> Deref for Text<N> {
    type Target = str;

    fn deref(&self) -> &str {
        str::from_utf8(self.as_bytes()).expect("only ASCII was pushed")
    }
}

const LOWER: &[u8; 16] = b"0123456789abcdef";
const UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// 32 hexadecimal digits.
pub(super) fn hex(number: u128) -> Text<32> {
    let mut bytes = [0; 32];
    for (place, byte) in bytes.as_chunks_mut().0.iter_mut().zip(number.to_be_bytes()) {
        *place = hex_digits(byte, LOWER);
    }
    bytes.into()
}

fn hex_digits(byte: u8, digits: &[u8; 16]) -> [u8; 2] {
    [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]
}

/// `log.record.uid`: the flow's identity, as of [`hex`], and the record's number in it.
pub(super) fn record_uid(id: &Text<32>, sequence: u32) -> Text<43> {
    let mut text = Text::new();
    text.bytes[..id.len].copy_from_slice(&id.bytes);
    text.len = id.len;
    text.push(b'-');
    text.push_decimal(sequence.into());
    text
}

/// `network.flow.community_id`.
pub(super) fn community_id(id: CommunityId) -> Text<30> {
    let mut text = Text::new();
    text.push(b'1');
    text.push(b':');
    // 20 bytes are 28 digits, which is all the room that there is.
    text.len += STANDARD.encode_slice(id.0, &mut text.bytes[2..]).unwrap_or(0);
    text
}

pub(super) fn decimal(number: u64) -> Text<20> {
    let mut text = Text::new();
    text.push_decimal(number);
    text
}

/// As [`Mac`] displays it.
pub(super) fn mac(mac: Mac) -> Text<17> {
    let mut bytes = [b'-'; 17];
    for (index, byte) in mac.0.into_iter().enumerate() {
        [bytes[3 * index], bytes[3 * index + 1]] = hex_digits(byte, UPPER);
    }
    bytes.into()
}

/// IPv4 as four decimals; IPv6 as RFC 5952 wants it.
pub(super) fn address(address: IpAddr) -> Text<45> {
    let mut text = Text::new();
    match address {
        IpAddr::V4(v4) => push_v4(&mut text, v4),
        IpAddr::V6(v6) => push_v6(&mut text, v6),
    }
    text
}

fn push_v4(text: &mut Text<45>, v4: Ipv4Addr) {
    for (index, byte) in v4.octets().into_iter().enumerate() {
        if index > 0 {
            text.push(b'.');
        }
        text.push_decimal(byte.into());
    }
}

fn push_v6(text: &mut Text<45>, v6: Ipv6Addr) {
    if let Some(v4) = v6.to_ipv4_mapped() {
        for byte in *b"::ffff:" {
            text.push(byte);
        }
        return push_v4(text, v4);
    }
    let groups = v6.segments();
    let zeros = longest_zeros(groups);
    let mut index = 0;
    while index < groups.len() {
        if index == zeros.start && !zeros.is_empty() {
            text.push(b':');
            text.push(b':');
            index = zeros.end;
            continue;
        }
        if index > 0 && index != zeros.end {
            text.push(b':');
        }
        text.push_group(groups[index]);
        index += 1;
    }
}

/// The first of the longest runs of two or more zero groups, empty if there is none.
fn longest_zeros(groups: [u16; 8]) -> Range<usize> {
    let (mut longest, mut start) = (0..0, 0);
    for (index, group) in groups.into_iter().enumerate() {
        if group != 0 {
            start = index + 1;
        } else if index + 1 - start > longest.len().max(1) {
            longest = start..index + 1;
        }
    }
    longest
}

/// RFC 3339 with nanoseconds, UTC, for years up to 2554.
#[must_use]
pub fn timestamp(time: WallTime) -> Text<30> {
    const DAY: u64 = 86_400;
    let (seconds, nanoseconds) = (time.0 / 1_000_000_000, time.0 % 1_000_000_000);
    let (year, month, day) = civil(seconds / DAY);
    let second_of_day = seconds % DAY;
    let mut bytes = *b"yyyy-mm-ddThh:mm:ss.nnnnnnnnnZ";
    let pairs = [
        (0, year / 100),
        (2, year % 100),
        (5, month),
        (8, day),
        (11, second_of_day / 3600),
        (14, second_of_day / 60 % 60),
        (17, second_of_day % 60),
        (20, nanoseconds / 10_000_000),
        (22, nanoseconds / 100_000 % 100),
        (24, nanoseconds / 1_000 % 100),
        (26, nanoseconds / 10 % 100),
    ];
    for (place, number) in pairs {
        [bytes[place], bytes[place + 1]] = PAIRS[(number % 100) as usize];
    }
    bytes[28] = PAIRS[(nanoseconds % 10) as usize][1];
    bytes.into()
}

/// Two decimal digits of each number below 100: looked up in less than half of the time in which they are computed.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0_u8;
    while number < 100 {
        pairs[number as usize] = [b'0' + number / 10, b'0' + number % 10];
        number += 1;
    }
    pairs
};

/// Year, month and day of a day since 1970-01-01, by eras of 400 years that begin in March (Hinnant, `civil_from_days`).
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// `network.transport`: the convention's name, else the IANA keyword in lower case; `None` for a protocol without one here.
pub(super) fn transport(number: u8) -> Option<&'static str> {
    Some(match number {
        protocol::TCP => transport_name::TCP,
        protocol::UDP => transport_name::UDP,
        protocol::SCTP => transport_name::SCTP,
        protocol::ICMP => transport_name::ICMP,
        protocol::ICMPV6 => transport_name::ICMPV6,
        2 => "igmp",
        4 => "ipv4",
        protocol::DCCP => "dccp",
        41 => "ipv6",
        47 => "gre",
        50 => "esp",
        51 => "ah",
        89 => "ospfigp",
        103 => "pim",
        112 => "vrrp",
        115 => "l2tp",
        protocol::UDP_LITE => "udplite",
        _ => return None,
    })
}

/// The number of a protocol by the name that `network.transport` has for it.
pub(crate) fn protocol_number(name: &str) -> Option<u8> {
    (0..=u8::MAX).find(|number| transport(*number) == Some(name))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;

    use super::*;

    proptest! {
        #[test]
        fn a_timestamp_reads_back_as_the_same_moment(nanoseconds: u64) {
            let written = timestamp(WallTime(nanoseconds));
            let read = OffsetDateTime::parse(&written, &Rfc3339).unwrap();
            prop_assert_eq!(read.unix_timestamp_nanos(), i128::from(nanoseconds));
            prop_assert_eq!(written.len(), 30);
        }

        #[test]
        fn an_address_is_written_as_the_standard_library_writes_it(bytes: [u8; 16], v4: bool) {
            let value = if v4 {
                IpAddr::from([bytes[0], bytes[1], bytes[2], bytes[3]])
            } else {
                IpAddr::from(bytes)
            };
            prop_assert_eq!(&*address(value), value.to_string());
        }

        #[test]
        fn zeros_of_an_address_are_left_out_as_the_standard_library_does(
            groups in proptest::array::uniform8(prop_oneof![3 => Just(0_u16), 1 => Just(0xffff), 1 => 0_u16..0x1111])
        ) {
            let value = IpAddr::from(groups);
            prop_assert_eq!(&*address(value), value.to_string());
        }

        #[test]
        fn numbers_read_back(id: u128, sequence: u32, bytes: [u8; 6]) {
            prop_assert_eq!(u128::from_str_radix(&hex(id), 16).unwrap(), id);
            prop_assert_eq!(&*record_uid(&hex(id), sequence), format!("{id:032x}-{sequence}"));
            prop_assert_eq!(&*mac(Mac(bytes)), Mac(bytes).to_string());
            prop_assert_eq!(&*decimal(sequence.into()), sequence.to_string());
        }
    }
}
