//! A request's bytes, compressed before they wait: a queue holds several times as many then.

use std::io::{self, Read, Write};

use bytes::Bytes;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

/// How a request is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Not at all.
    #[default]
    None,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Encoding {
    /// The name in HTTP's `content-encoding` and in gRPC's `grpc-encoding`; none without compression.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }

    /// The encoding of this name.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        [Self::Gzip, Self::Zstd].into_iter().find(|encoding| encoding.name() == Some(name))
    }

    /// The bytes before the compression, at most `limit` of them.
    ///
    /// # Errors
    /// If the bytes are not of this encoding, or if they are more.
    pub fn decompress(self, bytes: &Bytes, limit: usize) -> io::Result<Bytes> {
        match self {
            Self::None => Ok(bytes.clone()),
            Self::Gzip => {
                let mut content = Vec::new();
                let most = u64::try_from(limit).unwrap_or(u64::MAX);
                GzDecoder::new(&bytes[..]).take(most.saturating_add(1)).read_to_end(&mut content)?;
                if content.len() > limit {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "more bytes than there may be"));
                }
                Ok(content.into())
            }
            Self::Zstd => zstd::bulk::decompress(bytes, limit).map(Bytes::from),
        }
    }
}

/// A whole export request in protobuf, as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The bytes, compressed as `encoding` says.
    pub bytes: Bytes,
    /// How they are compressed.
    pub encoding: Encoding,
    /// Bytes before the compression: what a receiver's limit is about.
    pub uncompressed: usize,
}

impl Payload {
    /// A request that is not compressed.
    #[must_use]
    pub fn plain(request: Vec<u8>) -> Self {
        Self { uncompressed: request.len(), bytes: request.into(), encoding: Encoding::None }
    }

    /// The request without compression.
    ///
    /// # Errors
    /// If the bytes are not what `encoding` and `uncompressed` say.
    pub(super) fn request(&self) -> io::Result<Bytes> {
        self.encoding.decompress(&self.bytes, self.uncompressed)
    }
}

/// Compresses requests, one after the other, with memory that it keeps.
pub struct Compressor {
    method: Method,
    /// Room for a compressed request. The result is a copy of just its size, as it may wait in a queue that counts bytes.
    room: Vec<u8>,
}

enum Method {
    None,
    Gzip,
    Zstd(zstd::bulk::Compressor<'static>),
}

impl Compressor {
    /// The fastest of the usual levels: a fifth of gzip's time, for fewer bytes (benches/otlp_writer.rs).
    const ZSTD_LEVEL: i32 = 1;

    /// # Errors
    /// If there is no memory for the compression's state.
    pub fn new(encoding: Encoding) -> io::Result<Self> {
        let method = match encoding {
            Encoding::None => Method::None,
            Encoding::Gzip => Method::Gzip,
            Encoding::Zstd => Method::Zstd(zstd::bulk::Compressor::new(Self::ZSTD_LEVEL)?),
        };
        Ok(Self { method, room: Vec::new() })
    }

    /// The request as it will go over the wire: not compressed if that fails, as receivers have to take this too.
    pub fn compress(&mut self, request: Vec<u8>) -> Payload {
        self.room.clear();
        let (encoding, compressed) = match &mut self.method {
            Method::None => return Payload::plain(request),
            Method::Gzip => (Encoding::Gzip, gzip(&request, &mut self.room)),
            Method::Zstd(compressor) => {
                self.room.reserve(zstd::zstd_safe::compress_bound(request.len()));
                (Encoding::Zstd, compressor.compress_to_buffer(&request, &mut self.room).map(drop))
            }
        };
        if compressed.is_err() {
            return Payload::plain(request);
        }
        Payload { bytes: Bytes::copy_from_slice(&self.room), encoding, uncompressed: request.len() }
    }
}

fn gzip(request: &[u8], room: &mut Vec<u8>) -> io::Result<()> {
    let mut encoder = GzEncoder::new(std::mem::take(room), flate2::Compression::default());
    encoder.write_all(request)?;
    *room = encoder.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(length: usize) -> Vec<u8> {
        (0..length).map(|index| u8::try_from(index / 16 % 251).unwrap()).collect()
    }

    #[test]
    fn each_encoding_gives_the_request_back() {
        for encoding in [Encoding::None, Encoding::Gzip, Encoding::Zstd] {
            let mut compressor = Compressor::new(encoding).unwrap();
            // Several of them, as the compressor keeps its state.
            for length in [100_000, 0, 1, 1 << 20, 100_000] {
                let payload = compressor.compress(request(length));
                assert_eq!((payload.encoding, payload.uncompressed), (encoding, length));
                assert_eq!(payload.request().unwrap(), request(length), "{encoding:?}");
                let small = encoding == Encoding::None || length < 100 || payload.bytes.len() < length / 5;
                assert!(small, "{encoding:?}: {} of {length}", payload.bytes.len());
            }
        }
    }

    #[test]
    fn other_bytes_are_an_error() {
        for encoding in [Encoding::Gzip, Encoding::Zstd] {
            let payload = Payload { bytes: Bytes::from_static(b"what is this"), encoding, uncompressed: 12 };
            assert!(payload.request().is_err(), "{encoding:?}");
        }
    }

    #[test]
    fn no_more_is_decompressed_than_is_wanted() {
        for encoding in [Encoding::Gzip, Encoding::Zstd] {
            let bomb = Compressor::new(encoding).unwrap().compress(vec![0; 1 << 20]).bytes;
            assert!(encoding.decompress(&bomb, (1 << 20) - 1).is_err(), "{encoding:?}");
            assert_eq!(encoding.decompress(&bomb, 1 << 20).unwrap().len(), 1 << 20, "{encoding:?}");
        }
    }
}
