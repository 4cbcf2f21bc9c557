//! TCP connections, each of which [`OwnConnections`] knows before its first packet is seen.
//!
//! The library's own connector names the ends of a connection only when the other end has answered.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper_util::rt::TokioIo;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, getsockname, socket_with};
use tokio::io::Interest;
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower_service::Service;

use crate::clock::Clock;
use crate::connections::{OwnConnection, OwnConnections};
use crate::export::connect::stream::Stream;

/// How long an address has until the next one is tried beside it (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to the host and port of a URI.
#[derive(Clone, Debug)]
pub(in crate::export) struct TcpConnector {
    own: Arc<OwnConnections>,
    timeout: Duration,
}

/// A connection that the agent opened.
#[derive(Debug)]
pub(super) struct TcpConnection {
    /// First, so that it is dropped before the socket is.
    _own: OwnConnection,
    pub(super) stream: TokioIo<TcpStream>,
}

impl TcpConnector {
    /// Each connection has `timeout` to be made, name look-up included.
    pub(in crate::export) fn new(own: Arc<OwnConnections>, timeout: Duration) -> Self {
        Self { own, timeout }
    }
}

impl Service<Uri> for TcpConnector {
    type Response = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Self { own, timeout: time } = self.clone();
        Box::pin(async move {
            let connected = timeout(time, connect_to(&uri, &own)).await;
            connected.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into())).map(Stream::from)
        })
    }
}

async fn connect_to(uri: &Uri, own: &Arc<OwnConnections>) -> io::Result<TcpConnection> {
    let of_scheme = if uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    // In a URI the brackets belong to an address, elsewhere they do not.
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let addresses = lookup_host((host, uri.port_u16().unwrap_or(of_scheme))).await?;
    first_to_answer(addresses.collect(), own).await
}

/// Tries the addresses in their order, each with a head start, so that one that does not answer holds up none that does.
async fn first_to_answer(
    mut addresses: VecDeque<SocketAddr>,
    own: &Arc<OwnConnections>,
) -> io::Result<TcpConnection> {
    let mut failed = io::Error::new(ErrorKind::NotFound, "the name has no address");
    // Those that are not finished end with it.
    let mut attempts = JoinSet::new();
    loop {
        if let Some(address) = addresses.pop_front() {
            attempts.spawn(open(address, Arc::clone(own)));
        }
        tokio::select! {
            Some(Ok(attempt)) = attempts.join_next() => match attempt {
                Ok(connection) => return Ok(connection),
                Err(error) => failed = error,
            },
            () = sleep(HEAD_START), if !addresses.is_empty() => {}
            else => return Err(failed),
        }
    }
}

async fn open(address: SocketAddr, own: Arc<OwnConnections>) -> io::Result<TcpConnection> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    let own = own.open(Clock::now().monotonic(), || {
        match connect(&socket, &address) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        Ok((getsockname(&socket)?.try_into()?, address))
    })?;
    let stream = TcpStream::from_std(socket.into())?;
    let is_connected = || match (stream.take_error()?, stream.peer_addr()) {
        (Some(error), _) => Err(error),
        (None, Err(error)) if error.kind() == ErrorKind::NotConnected => Err(ErrorKind::WouldBlock.into()),
        (None, other) => other.map(drop),
    };
    stream.async_io(Interest::WRITABLE, is_connected).await?;
    stream.set_nodelay(true)?;
    Ok(TcpConnection { _own: own, stream: TokioIo::new(stream) })
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn an_address_that_refuses_gives_way_to_the_next() {
        let own = Arc::<OwnConnections>::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listens = listener.local_addr().unwrap();
        // Taken, and nobody listens there.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let refuses = socket.local_addr().unwrap();
        let connection = first_to_answer([refuses, listens].into(), &own).await.unwrap();
        assert_eq!(connection.stream.inner().peer_addr().unwrap(), listens);
        let error = first_to_answer([refuses].into(), &own).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let none = first_to_answer(VecDeque::new(), &own).await.unwrap_err();
        assert!(none.to_string().contains("no address"), "{none}");
    }

    #[tokio::test]
    async fn an_address_of_ipv6_is_connected_without_its_brackets() {
        let Ok(listener) = TcpListener::bind("[::1]:0").await else { return };
        let uri = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let connection = connect_to(&uri, &Arc::default()).await.unwrap();
        assert_eq!(connection.stream.inner().peer_addr().unwrap(), listener.local_addr().unwrap());
    }
}
