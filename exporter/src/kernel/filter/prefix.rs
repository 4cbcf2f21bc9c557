//! Ranges of addresses.

use std::net::{AddrParseError, IpAddr, Ipv6Addr};

/// A range of addresses of one IP version, in the common form of 128 bits, in which IPv4 is `::ffff:a.b.c.d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prefix {
    address: u128,
    mask: u128,
    pub(super) version: u8,
}

/// Why a range of addresses is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// No address.
    #[error("{0}")]
    Address(AddrParseError),
    /// No length of this IP version.
    #[error("`/{length}` is no length of an IPv{version} prefix, which is 0 to {most}")]
    Length {
        /// As it was written.
        length: Box<str>,
        /// Of the address.
        version: u8,
        /// The greatest.
        most: u8,
    },
    /// Bits beyond the length are set, so either the address or the length is not what was meant.
    #[error("the address has bits beyond the length; write {network}/{length}, or the address alone")]
    BeyondLength {
        /// The address without these bits.
        network: IpAddr,
        /// As it was written.
        length: u8,
    },
}

impl Prefix {
    /// Reads `10.0.0.0/8`, `fd00::/8`, or an address alone.
    pub(super) fn parse(text: &str) -> Result<Self, PrefixError> {
        let (address, length) =
            text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let address: IpAddr = address.parse().map_err(PrefixError::Address)?;
        let (mapped, version, most) = match address {
            IpAddr::V4(address) => (address.to_ipv6_mapped(), 4, 32),
            IpAddr::V6(address) => (address, 6, 128),
        };
        let length = match length {
            None => most,
            Some(length) => length
                .parse()
                .ok()
                .filter(|length| *length <= most)
                .ok_or_else(|| PrefixError::Length { length: length.into(), version, most })?,
        };
        let mask = mask(128 - most + length);
        let prefix = Self { address: mapped.to_bits() & mask, mask, version };
        if prefix.address == mapped.to_bits() {
            return Ok(prefix);
        }
        let network = Ipv6Addr::from_bits(prefix.address);
        Err(PrefixError::BeyondLength {
            network: if version == 4 { network.to_canonical() } else { IpAddr::V6(network) },
            length,
        })
    }

    /// Address and mask, in the order of the network.
    pub(super) fn bytes(self) -> [[u8; 16]; 2] {
        [self.address.to_be_bytes(), self.mask.to_be_bytes()]
    }
}

/// As many bits as the length, from the highest on.
fn mask(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
}
