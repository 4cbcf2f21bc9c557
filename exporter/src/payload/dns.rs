//! DNS messages (RFC 1035): the header and the first question, which are in front of whatever may be cut.

use simple_dns::{Packet, PacketFlag};

use crate::flow::{DnsMessage, Start};

/// Bytes of the header, the counts of all sections included.
const HEADER: usize = 12;
/// Where the counts are.
const COUNTS: usize = 4;
/// One question, and nothing else.
const ONE_QUESTION: [u8; HEADER - COUNTS] = [0, 1, 0, 0, 0, 0, 0, 0];
/// Of a name as text.
const LONGEST_NAME: usize = 255;

/// Reads the first message of a TCP connection, which is behind its length, unless that was sent in a segment of its own. It may go on
/// in the next segment, and others may be behind it.
pub(super) fn read_stream(bytes: &[u8]) -> Option<Start> {
    read(bytes).or_else(|| {
        let (&length, rest) = bytes.split_first_chunk::<2>()?;
        read(&rest[..rest.len().min(u16::from_be_bytes(length).into())])
    })
}

/// Reads a message.
pub(super) fn read(bytes: &[u8]) -> Option<Start> {
    let counts = bytes.get(COUNTS..HEADER)?;
    if counts.first_chunk::<2>() != Some(&[0, 1]) {
        return None;
    }
    // The other sections may be cut, and are not of interest.
    let question = bytes.get(HEADER..)?;
    let alone = [&bytes[..COUNTS], &ONE_QUESTION, question].concat();
    let packet = Packet::parse(&alone).ok()?;
    let question = packet.questions.first()?;
    let code = packet.has_flags(PacketFlag::RESPONSE).then_some(bytes[3] & 0xf);
    let name = question.qname.to_string();
    let is_name = name.len() <= LONGEST_NAME && name.chars().all(|char| char.is_ascii_graphic());
    let name = if name.is_empty() { ".".to_owned() } else { name.to_ascii_lowercase() };
    let kind = question.qtype.into();
    is_name.then(|| Start::Dns(DnsMessage { id: packet.id(), name: name.into(), kind, code }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use simple_dns::{CLASS, Name, QCLASS, QTYPE, Question, RCODE, ResourceRecord, TYPE, rdata};

    use super::*;

    fn asked(kind: TYPE) -> Packet<'static> {
        let mut packet = Packet::new_query(0x1234);
        let name = Name::new_unchecked("WWW.Shop.example");
        packet.questions.push(Question::new(name, QTYPE::TYPE(kind), QCLASS::CLASS(CLASS::IN), false));
        packet
    }

    fn answered(code: RCODE) -> Vec<u8> {
        let mut packet = asked(TYPE::AAAA).into_reply();
        *packet.rcode_mut() = code;
        for last in 0..40 {
            let name = Name::new_unchecked("WWW.Shop.example");
            let address = rdata::RData::AAAA(rdata::AAAA { address: last });
            packet.answers.push(ResourceRecord::new(name, CLASS::IN, 60, address));
        }
        packet.build_bytes_vec().unwrap()
    }

    fn says(code: Option<u8>) -> Start {
        Start::Dns(DnsMessage { id: 0x1234, name: "www.shop.example".into(), kind: 28, code })
    }

    #[test]
    fn a_question_and_its_answer_say_the_same_name() {
        let query = asked(TYPE::AAAA).build_bytes_vec().unwrap();
        assert_eq!(read(&query), Some(says(None)));
        let answer = answered(RCODE::NameError);
        assert!(answer.len() > 512, "{}", answer.len());
        assert_eq!(read(&answer[..512]), Some(says(Some(3))), "what is cut is behind the question");
        assert_eq!(read(&query[..query.len() - 1]), None, "the question is cut");
        assert_eq!(read(&[]), None);
    }

    #[test]
    fn a_name_that_cannot_be_written_is_none() {
        let question = |label: &[u8]| {
            let length = [u8::try_from(label.len()).unwrap()];
            let header = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
            [&header[..], &length, label, b"\x07example\0\0\x01\0\x01"].concat()
        };
        let name = |label| match read(&question(label)) {
            Some(Start::Dns(message)) => Some(message.name.to_string()),
            _ => None,
        };
        assert_eq!(name(b"a_b"), Some("a_b.example".to_owned()));
        for label in [&b"a b"[..], b"a\x01", b"\xc3\xa4", b"a\x7f"] {
            assert_eq!(name(label), None, "{}", label.escape_ascii());
        }
    }

    #[test]
    fn the_first_message_of_a_connection_is_behind_its_length() {
        let behind = |message: &[u8]| {
            let length = u16::try_from(message.len()).unwrap().to_be_bytes();
            [&length[..], message].concat()
        };
        let query = asked(TYPE::AAAA).build_bytes_vec().unwrap();
        assert_eq!(read_stream(&behind(&query)), Some(says(None)));
        assert_eq!(read_stream(&query), Some(says(None)), "the length was sent before");
        let both = [behind(&query), behind(&asked(TYPE::A).build_bytes_vec().unwrap())].concat();
        assert_eq!(read_stream(&both), Some(says(None)), "another one follows");
        assert_eq!(read_stream(&behind(&query[..query.len() - 1])), None, "the question is cut");
        let answer = behind(&answered(RCODE::NameError));
        assert_eq!(read_stream(&answer[..512]), Some(says(Some(3))), "it goes on in the next segment");
        assert_eq!(read_stream(&[]), None);
        assert_eq!(read_stream(b"GET / HTTP/1.1\r\n\r\n"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let message = [&[0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], &bytes[..]].concat();
            for bytes in [&bytes, &message] {
                let _ = (read(bytes), read_stream(bytes));
            }
        }

        /// With bytes changed that say lengths and where names go on.
        #[test]
        fn a_message_that_was_changed_is_read(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)
        ) {
            let mut message = answered(RCODE::NoError);
            for (at, byte) in &changes {
                let at = at.index(60);
                message[at] = *byte;
            }
            let _ = read(&message);
        }
    }
}
