//! What records say of questions to DNS and their answers.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use flow_tests::netns::Netns;
use semconv::{attribute, value};
use serde_json::{Value, json};

use crate::facts::{PATIENCE, connect, ensure_says, observe};
use crate::program::{Program, command};
use crate::topology::{CLIENT, FAR_SERVER, Pair, Routed, SERVER};

/// Types of a question.
const A: u8 = 1;
const AAAA: u8 = 28;

/// A question for the addresses of a name (RFC 1035 section 4.1), and the answer to it with a code.
fn message(id: u16, kind: u8, code: Option<u8>) -> Vec<u8> {
    let flags = code.map_or([0x01, 0x00], |code| [0x81, 0x80 | code]);
    let counts = [0, 1, 0, 0, 0, 0, 0, 0];
    [&id.to_be_bytes()[..], &flags, &counts, b"\x04Shop\x07example\x00", &[0, kind, 0, 1]].concat()
}

/// The last record of the flow of a client's port.
fn record(records: &[Value], port: u16) -> Result<&Value> {
    let is_its = |record: &&Value| record[attribute::SOURCE_PORT.key] == port;
    records.iter().rfind(is_its).with_context(|| format!("no record of port {port}: {records:?}"))
}

/// A question that is answered after a while, one that says that there is no such name, and one that is not answered. With each,
/// there is a second question in the same flow, so that not only first packets are looked at.
pub(crate) fn answers() -> Result<()> {
    let pair = Pair::new()?;
    let program = observe(&pair, &[])?;
    answered((&pair.client, CLIENT), (&pair.server, SERVER), program)
}

/// What comes by a second hook is not another question, and not another answer.
pub(crate) fn at_two_hooks() -> Result<()> {
    let routed = Routed::new()?;
    let arguments = ["flows", "--interface", "rc,rs", "--format", "json", "--interval", "1h"];
    let program = Program::start(command(&routed.router, &arguments))?;
    answered((&routed.client, CLIENT), (&routed.server, FAR_SERVER), program)
}

fn answered(client: (&Netns, &str), server: (&Netns, &str), program: Program) -> Result<()> {
    const WHILE: Duration = Duration::from_millis(30);
    let socket = |(namespace, address): (&Netns, &str), port| -> Result<UdpSocket> {
        let socket = namespace.enter(|| UdpSocket::bind((address, port)))??;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(socket)
    };
    let (address, server) = (server.1, socket(server, 53)?);
    let mut expected = Vec::new();
    for (code, name) in [(Some(0), json!("NOERROR")), (Some(3), json!("NXDOMAIN")), (None, Value::Null)] {
        let client = socket(client, 0)?;
        let begin = Instant::now();
        for id in [7, 8] {
            client.send_to(&message(id, A, None), (address, 53))?;
            server.recv_from(&mut [0; 512])?;
        }
        if code.is_some() {
            thread::sleep(WHILE);
            let to = client.local_addr()?;
            for id in [8, 7] {
                server.send_to(&message(id, A, code), to)?;
                client.recv_from(&mut [0; 512])?;
            }
        }
        expected.push((client.local_addr()?.port(), name, code.map(|_| begin.elapsed())));
    }
    let records = program.stop()?.records()?;
    for (port, code, most) in expected {
        let record = record(&records, port)?;
        ensure_says(
            record,
            &[
                (attribute::NETWORK_PROTOCOL_NAME, json!(value::network_protocol_name::DNS)),
                (attribute::DNS_QUESTION_NAME, json!("shop.example")),
                (attribute::NETWORK_DNS_QUESTION_TYPE, json!("A")),
                (attribute::NETWORK_DNS_RESPONSE_CODE, code),
                (attribute::NETWORK_DNS_QUESTIONS_COUNT, Value::Null),
                (attribute::SOURCE_IP_ECN, json!(["not_ect"])),
            ],
        )?;
        let duration = record[attribute::NETWORK_DNS_DURATION.key].as_f64().map(Duration::from_secs_f64);
        ensure!(duration.is_some() == most.is_some(), "{record}");
        if let (Some(duration), Some(most)) = (duration, most) {
            ensure!(WHILE <= duration && duration <= most, "{duration:?} of at most {most:?}");
        }
    }
    Ok(())
}

/// A resolver asks for both kinds of addresses from one port, and one of them is not answered. Another asks a lot.
pub(crate) fn several_questions() -> Result<()> {
    let pair = Pair::new()?;
    let server = pair.server.enter(|| UdpSocket::bind((SERVER, 53)))??;
    server.set_read_timeout(Some(PATIENCE))?;
    let program = observe(&pair, &[])?;
    let ask = |questions: &[(u16, u8, Option<u8>)]| -> Result<u16> {
        let client = pair.client.enter(|| UdpSocket::bind((CLIENT, 0)))??;
        client.set_read_timeout(Some(PATIENCE))?;
        for &(id, kind, _) in questions {
            client.send_to(&message(id, kind, None), (SERVER, 53))?;
            server.recv_from(&mut [0; 512])?;
        }
        for &(id, kind, code) in questions.iter().filter(|(.., code)| code.is_some()) {
            server.send_to(&message(id, kind, code), client.local_addr()?)?;
            client.recv_from(&mut [0; 512])?;
        }
        Ok(client.local_addr()?.port())
    };
    let resolver = ask(&[(7, A, Some(0)), (8, AAAA, None)])?;
    let failed = ask(&[(7, A, Some(2)), (8, AAAA, Some(0))])?;
    let many: Vec<_> = (0..20).map(|id| (id, A, Some(0))).collect();
    let busy = ask(&many)?;
    let records = program.stop()?.records()?;

    let both = (attribute::NETWORK_DNS_QUESTIONS_NAME, json!(["shop.example", "shop.example"]));
    let kinds = (attribute::NETWORK_DNS_QUESTIONS_TYPE, json!(["A", "AAAA"]));
    let says = [
        (attribute::DNS_QUESTION_NAME, json!("shop.example")),
        (attribute::NETWORK_DNS_QUESTION_TYPE, json!("AAAA")),
        (attribute::NETWORK_DNS_RESPONSE_CODE, Value::Null),
        (attribute::NETWORK_DNS_QUESTIONS_RESPONSE_CODE, json!(["NOERROR", ""])),
        (attribute::NETWORK_DNS_QUESTIONS_COUNT, Value::Null),
    ];
    let of_resolver = record(&records, resolver)?;
    ensure_says(of_resolver, &[&[both.clone(), kinds.clone()][..], &says].concat())?;
    let durations = of_resolver[attribute::NETWORK_DNS_QUESTIONS_DURATION.key].as_array();
    let [answered, unanswered] = durations.context("durations")?.as_slice() else {
        bail!("not two durations: {of_resolver}")
    };
    ensure!(answered.as_f64() > Some(0.0) && *unanswered == json!(-1.0), "{of_resolver}");

    let says = [
        (attribute::NETWORK_DNS_QUESTION_TYPE, json!("A")),
        (attribute::NETWORK_DNS_RESPONSE_CODE, json!("SERVFAIL")),
        (attribute::NETWORK_DNS_QUESTIONS_RESPONSE_CODE, json!(["SERVFAIL", "NOERROR"])),
    ];
    ensure_says(record(&records, failed)?, &[&[both, kinds][..], &says].concat())?;

    let says = [
        (attribute::NETWORK_DNS_QUESTIONS_COUNT, json!(20)),
        (attribute::NETWORK_DNS_QUESTIONS_TYPE, json!(vec!["A"; 8])),
    ];
    ensure_says(record(&records, busy)?, &says)
}

/// Over TCP a length is in front of a message, which may come in a segment of its own; and an answer may be longer than a segment.
pub(crate) fn over_tcp() -> Result<()> {
    let pair = Pair::without_offloads()?;
    let program = observe(&pair, &[])?;
    let say = |from: &mut TcpStream, to: &mut TcpStream, bytes: &[u8]| -> Result<()> {
        from.write_all(bytes)?;
        // Each is a segment of its own, as nothing else is on its way.
        Ok(to.read_exact(&mut vec![0; bytes.len()])?)
    };
    let mut ports = Vec::new();
    for in_pieces in [false, true] {
        let (mut client, mut server) = connect(&pair, 53)?;
        let query = message(7, AAAA, None);
        // Its other sections are longer than a segment.
        let answer = [message(7, AAAA, Some(0)), vec![0; 3_000]].concat();
        for (is_answer, message) in [(false, query), (true, answer)] {
            let length = u16::try_from(message.len())?.to_be_bytes();
            let mut ends = [&mut client, &mut server];
            if is_answer {
                ends.reverse();
            }
            let [from, to] = ends;
            if in_pieces {
                say(from, to, &length)?;
                say(from, to, &message)?;
            } else {
                say(from, to, &[&length[..], &message].concat())?;
            }
        }
        ports.push(client.local_addr()?.port());
    }
    let records = program.stop()?.records()?;
    for port in ports {
        let record = record(&records, port)?;
        let says = [
            (attribute::NETWORK_PROTOCOL_NAME, json!(value::network_protocol_name::DNS)),
            (attribute::NETWORK_FLOW_ENCRYPTION, json!(value::network_flow_encryption::NONE)),
            (attribute::DNS_QUESTION_NAME, json!("shop.example")),
            (attribute::NETWORK_DNS_QUESTION_TYPE, json!("AAAA")),
            (attribute::NETWORK_DNS_RESPONSE_CODE, json!("NOERROR")),
        ];
        ensure_says(record, &says)?;
        let duration = record[attribute::NETWORK_DNS_DURATION.key].as_f64();
        ensure!(duration.is_some_and(|duration| duration > 0.0), "{record}");
    }
    Ok(())
}
