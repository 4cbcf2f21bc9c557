//! The connection that a connector gives, whatever it is.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use crate::export::connect::tcp::TcpConnection;

/// A connection to a receiver.
#[derive(Debug)]
pub(in crate::export) struct Stream {
    socket: Socket,
    /// The other end is a proxy that reads the requests.
    forwards: bool,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpConnection),
    Unix(TokioIo<UnixStream>),
}

/// What all of them can do.
trait ReadWrite: Read + Write + Unpin {}

impl<T: Read + Write + Unpin> ReadWrite for T {}

impl From<TcpConnection> for Stream {
    fn from(connection: TcpConnection) -> Self {
        Self { socket: Socket::Tcp(connection), forwards: false }
    }
}

impl From<UnixStream> for Stream {
    fn from(stream: UnixStream) -> Self {
        Self { socket: Socket::Unix(TokioIo::new(stream)), forwards: false }
    }
}

impl Stream {
    /// This one, to a proxy that reads the requests.
    pub(super) fn by_forwarding_proxy(self) -> Self {
        Self { forwards: true, ..self }
    }

    fn get(self: Pin<&mut Self>) -> Pin<&mut dyn ReadWrite> {
        match &mut self.get_mut().socket {
            Socket::Tcp(connection) => Pin::new(&mut connection.stream),
            Socket::Unix(stream) => Pin::new(stream),
        }
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        // Requests to it name their whole endpoint.
        Connected::new().proxy(self.forwards)
    }
}

impl Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.get().poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get().poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get().poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.socket {
            Socket::Tcp(connection) => connection.stream.is_write_vectored(),
            Socket::Unix(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get().poll_write_vectored(context, buffers)
    }
}
