//! What can go wrong with a receiver, each with the script of a receiver that does so.

use std::time::Duration;

use prost::Message;
use tonic::Code;

use super::certificates::Shown;
use super::receiver::{End, Reply, Step};
use crate::export::delivery_tests::partial;
use crate::export::settings::Protocol;
use crate::export::words::tests::status;

/// What a receiver does, and how patient the agent is.
#[derive(Clone, Debug, Default)]
pub(super) struct Script {
    pub(super) steps: Vec<Step>,
    /// The last step goes on until the batch is too old.
    pub(super) for_ever: bool,
    /// It listens only after an attempt has failed; with `for_ever` never.
    pub(super) late: bool,
    /// The agent's time for one attempt is short.
    pub(super) impatient: bool,
    pub(super) tls: Tls,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tls {
    #[default]
    Off,
    /// What the first connection shows, and what the later ones show.
    Shown(Shown, Shown),
    /// The file with the authority is that of another one, until an attempt has failed.
    OtherAuthority,
}

/// A row of the table: what happens, and the script for a protocol, if it can happen there.
pub(super) type Case = (&'static str, fn(Protocol) -> Option<Script>);

/// Longer than [`NAMED`](super::NAMED), also where a date has whole seconds.
const WAIT: Duration = Duration::from_secs(12);

pub(super) const CASES: [Case; 35] = [
    ("nobody listens, later somebody does", |_| Some(Script { late: true, ..Script::default() })),
    ("nobody listens", |_| Some(Script { late: true, for_ever: true, ..Script::default() })),
    ("the connection is accepted and nothing follows", |_| {
        Some(Script { impatient: true, ..of(Step::Silence) })
    }),
    ("the connection is reset in the request", |_| Some(of(Step::Reset))),
    ("the connection ends in the request (HTTP/2: GOAWAY)", |_| Some(of(Step::GoAway))),
    ("the connection ends between two requests (HTTP/2: GOAWAY)", |protocol| {
        Some(of(Step::Reply(Reply { end: End::Close, ..taken(protocol, &[]) })))
    }),
    ("the reply breaks off", |protocol| {
        Some(of(Step::Reply(Reply { end: End::Reset, ..taken(protocol, &[]) })))
    }),
    ("the reply comes byte by byte and does not end", |protocol| {
        let reply = Step::Reply(Reply { end: End::Never, ..taken(protocol, &[]) });
        Some(Script { impatient: true, ..of(reply) })
    }),
    ("the reply has more than 64 KiB", |protocol| {
        let message = partial(3, "x".repeat(100_000)).encode_to_vec();
        Some(of(Step::Reply(taken(protocol, &message))))
    }),
    ("the reply to a request that was taken is garbage", |protocol| {
        Some(of(Step::Reply(taken(protocol, b"<html>"))))
    }),
    ("partial success: some records are rejected", |protocol| {
        Some(of(Step::Reply(taken(protocol, &partial(3, "too old".to_owned()).encode_to_vec()))))
    }),
    ("partial success: all records are rejected", |protocol| {
        Some(of(Step::Reply(taken(protocol, &partial(100, "too old".to_owned()).encode_to_vec()))))
    }),
    ("partial success: a warning", |protocol| {
        Some(of(Step::Reply(taken(protocol, &partial(0, "slow down".to_owned()).encode_to_vec()))))
    }),
    ("`INVALID_ARGUMENT`, 400", |protocol| answers(protocol, Code::InvalidArgument, 400)),
    ("`UNAUTHENTICATED`, 401", |protocol| answers(protocol, Code::Unauthenticated, 401)),
    ("`UNIMPLEMENTED`, 404", |protocol| answers(protocol, Code::Unimplemented, 404)),
    ("`INTERNAL`, 500", |protocol| answers(protocol, Code::Internal, 500)),
    ("`ABORTED`, 502", |protocol| answers(protocol, Code::Aborted, 502)),
    ("`UNAVAILABLE`, 503", |protocol| answers(protocol, Code::Unavailable, 503)),
    ("`DEADLINE_EXCEEDED`, 504", |protocol| answers(protocol, Code::DeadlineExceeded, 504)),
    ("`CANCELLED`", |protocol| grpc(protocol, Code::Cancelled, "no", None)),
    ("`OUT_OF_RANGE`", |protocol| grpc(protocol, Code::OutOfRange, "no", None)),
    ("`DATA_LOSS`", |protocol| grpc(protocol, Code::DataLoss, "no", None)),
    ("`RESOURCE_EXHAUSTED`, 429", |protocol| answers(protocol, Code::ResourceExhausted, 429)),
    ("the same, with `RetryInfo` or `Retry-After` in seconds", |protocol| match protocol {
        Protocol::Grpc => grpc(protocol, Code::ResourceExhausted, "busy", seconds(WAIT)),
        Protocol::HttpProtobuf => http(protocol, 429, Some(WAIT.as_secs().to_string())),
    }),
    ("429 with `Retry-After` as a date", |protocol| dated(protocol, 429)),
    ("`UNAVAILABLE` with `RetryInfo`, 503 with `Retry-After` as a date", |protocol| match protocol {
        Protocol::Grpc => grpc(protocol, Code::Unavailable, "busy", seconds(WAIT)),
        Protocol::HttpProtobuf => dated(protocol, 503),
    }),
    ("a wait is named that is longer than the age limit", |protocol| {
        let script = match protocol {
            Protocol::Grpc => grpc(protocol, Code::Unavailable, "busy", Some((3600, 0))),
            Protocol::HttpProtobuf => http(protocol, 503, Some("3600".to_owned())),
        };
        script.map(|script| Script { for_ever: true, ..script })
    }),
    ("`RESOURCE_EXHAUSTED` about the size, 413", too_large),
    ("the same, and one half is refused (`INVALID_ARGUMENT`, 400)", |protocol| {
        let refused = answers(protocol, Code::InvalidArgument, 400);
        Some(Script { steps: [too_large(protocol)?.steps, refused?.steps].concat(), ..Script::default() })
    }),
    ("the same, and after one half the receiver is away (`UNAVAILABLE`, 503)", |protocol| {
        let (taken, away) =
            (of(Step::Reply(taken(protocol, &[]))), answers(protocol, Code::Unavailable, 503)?);
        let steps = [too_large(protocol)?.steps, taken.steps, away.steps].concat();
        Some(Script { steps, for_ever: true, ..Script::default() })
    }),
    ("an answer of HTTP without a status of gRPC: 503", |protocol| {
        (protocol == Protocol::Grpc).then(|| of(Step::Reply(Reply { status: 503, ..Reply::default() })))
    }),
    ("the certificate is for another name", |_| {
        let tls = Tls::Shown(Shown::OtherName, Shown::OtherName);
        Some(Script { tls, for_ever: true, ..Script::default() })
    }),
    ("the certificate has expired, and is replaced", |_| {
        Some(Script { tls: Tls::Shown(Shown::Expired, Shown::Right), ..Script::default() })
    }),
    ("the certificate is of an authority whose file comes later", |_| {
        Some(Script { tls: Tls::OtherAuthority, ..Script::default() })
    }),
];

fn of(step: Step) -> Script {
    Script { steps: vec![step], ..Script::default() }
}

fn taken(protocol: Protocol, message: &[u8]) -> Reply {
    Reply::taken(protocol == Protocol::Grpc, message)
}

fn too_large(protocol: Protocol) -> Option<Script> {
    match protocol {
        Protocol::Grpc => {
            grpc(protocol, Code::ResourceExhausted, "grpc: received message larger than max (9 vs. 8)", None)
        }
        Protocol::HttpProtobuf => http(protocol, 413, None),
    }
}

/// A wait as `RetryInfo` has it: seconds and nanoseconds.
fn seconds(wait: Duration) -> Option<(i64, i32)> {
    Some((wait.as_secs().try_into().ok()?, 0))
}

/// A failure with a date.
fn dated(protocol: Protocol, status: u16) -> Option<Script> {
    let reply = Reply { status, retry_after_date: Some(WAIT), ..Reply::default() };
    (protocol == Protocol::HttpProtobuf).then(|| of(Step::Reply(reply)))
}

/// A failure with no more than its code.
fn answers(protocol: Protocol, code: Code, status: u16) -> Option<Script> {
    match protocol {
        Protocol::Grpc => grpc(protocol, code, "no", None),
        Protocol::HttpProtobuf => http(protocol, status, None),
    }
}

fn grpc(protocol: Protocol, code: Code, message: &str, delay: Option<(i64, i32)>) -> Option<Script> {
    let number = code as i32;
    let details = tonic::Status::with_details(code, message, status(number, message, delay).into());
    let trailers = details.into_http::<()>().into_parts().0.headers;
    let headers = ["content-type", "grpc-status", "grpc-message", "grpc-status-details-bin"].map(|name| {
        (name, trailers.get(name).map_or_else(String::new, |value| value.to_str().unwrap().to_owned()))
    });
    let reply = Reply { status: 200, headers: headers.to_vec(), ..Reply::default() };
    (protocol == Protocol::Grpc).then(|| of(Step::Reply(reply)))
}

fn http(protocol: Protocol, code: u16, retry_after: Option<String>) -> Option<Script> {
    let mut headers = vec![("content-type", "application/x-protobuf".to_owned())];
    headers.extend(retry_after.map(|value| ("retry-after", value)));
    let reply = Reply { status: code, headers, body: status(3, "no", None), ..Reply::default() };
    (protocol == Protocol::HttpProtobuf).then(|| of(Step::Reply(reply)))
}
