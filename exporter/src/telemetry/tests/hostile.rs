//! Others hold connections, send without an end, or say nothing: the listener still answers, and holds no more than it may.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::telemetry::listener::Bounds;
use crate::telemetry::{Health, Listener, Pages, Serving};

/// Only the bound that a test is about is one that it can reach.
pub(super) const WIDE: Bounds = Bounds { connections: 1000, time: Duration::from_hours(1) };

async fn listener(bounds: Bounds) -> (SocketAddr, Serving) {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let pages = Pages { metrics: None, health: Health::Idle };
    (listener.address().unwrap(), listener.serve_within(bounds, pages))
}

/// What comes until the other side ends the connection, in order or not.
async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut piece = [0; 1024];
    let reading = async {
        while let Ok(length @ 1..) = stream.read(&mut piece).await {
            answer.extend_from_slice(&piece[..length]);
        }
    };
    tokio::time::timeout(Duration::from_mins(1), reading).await.expect("the other side ends it");
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn who_holds_connections_gives_way_to_who_asks() {
    let connections = 8;
    let (address, _serving) = listener(Bounds { connections, ..WIDE }).await;
    let mut held = Vec::new();
    for _ in 0..2 * connections {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The beginning of a request that never ends.
        let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nx: ").await;
        held.push(stream);
    }
    let mut honest = TcpStream::connect(address).await.unwrap();
    honest.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let answer = rest(&mut honest).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    for stream in &mut held[..=connections] {
        assert_eq!(rest(stream).await, "", "the oldest were let go");
    }
}

#[tokio::test]
async fn a_head_without_an_end_is_refused_at_its_bound() {
    let (address, _serving) = listener(WIDE).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nx: ").await.unwrap();
    let piece = vec![b'a'; 64 << 10];
    let mut sent = 0;
    // More than the kernel's buffers on both sides take: it ends because the other side ends it.
    while sent < 256 << 20 {
        if stream.write_all(&piece).await.is_err() {
            break;
        }
        sent += piece.len();
    }
    assert!(sent < 256 << 20, "{sent} bytes were taken");
}

#[tokio::test]
async fn who_says_nothing_is_let_go() {
    let (address, _serving) = listener(Bounds { time: Duration::from_millis(50), ..WIDE }).await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    assert_eq!(rest(&mut silent).await, "");
}
