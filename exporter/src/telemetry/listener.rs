//! The local listener: a few pages over HTTP/1.1, for probes and for a Prometheus that scrapes.
//!
//! Whoever can reach it may be slow or hostile. So each connection has one request, a bounded time and a bounded buffer, and
//! there is a bounded number of them: the oldest gives way, because an honest one is over in milliseconds.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::pages::Pages;
use crate::clock::Clock;

/// Bytes of a request's head: the least that the library takes.
const BUFFER: usize = 8 << 10;
/// Before the next attempt, when the system gives no more connections.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// What others may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Connections at a time.
    pub(super) connections: usize,
    /// From a connection to its end, however slow the other side is.
    pub(super) time: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { connections: 64, time: Duration::from_secs(5) }
    }
}

/// A listening socket that nobody serves yet: connections wait.
#[derive(Debug)]
pub(crate) struct Listener(TcpListener);

/// A task that serves. Dropping it ends the task and every connection.
#[derive(Debug)]
pub(crate) struct Serving(JoinHandle<()>);

impl Listener {
    /// Listens at an address.
    ///
    /// # Errors
    /// What the system says against it.
    pub(crate) async fn bind(address: SocketAddr) -> io::Result<Self> {
        TcpListener::bind(address).await.map(Self)
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system does not say.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Answers from now on.
    pub(crate) fn serve(self, pages: Pages) -> Serving {
        self.serve_within(Bounds::default(), pages)
    }

    /// Answers within other bounds than the usual.
    pub(super) fn serve_within(self, bounds: Bounds, pages: Pages) -> Serving {
        Serving(tokio::spawn(accept(self.0, bounds, Arc::new(pages))))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn accept(listener: TcpListener, bounds: Bounds, pages: Arc<Pages>) {
    // Dropped with this task, and with it every connection.
    let mut tasks = JoinSet::new();
    let mut oldest_first: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!("cannot take a connection at the listener: {error}");
                sleep(EXHAUSTED).await;
                continue;
            }
        };
        while tasks.try_join_next().is_some() {}
        oldest_first.retain(|task| !task.is_finished());
        if oldest_first.len() >= bounds.connections
            && let Some(oldest) = oldest_first.pop_front()
        {
            oldest.abort();
        }
        oldest_first.push_back(tasks.spawn(timeout(bounds.time, serve(stream, Arc::clone(&pages)))));
    }
}

async fn serve(stream: TcpStream, pages: Arc<Pages>) {
    let service = service_fn(|request: Request<Incoming>| {
        let answer = pages.answer(request.method(), request.uri().path(), Clock::now().monotonic());
        async move { Ok::<_, Infallible>(answer) }
    });
    let mut http = http1::Builder::new();
    http.max_buf_size(BUFFER).keep_alive(false);
    // Whatever goes wrong is the other side's.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}
