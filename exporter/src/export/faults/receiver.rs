//! A receiver that does what a script says, on this machine, over gRPC and HTTP.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Version};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Interval, interval};
use tokio_rustls::TlsAcceptor;

/// What happens next; after the last step the receiver takes everything.
#[derive(Clone, Debug)]
pub(in crate::export) enum Step {
    /// The next connection is accepted and nothing more.
    Silence,
    /// The next connection is reset when a request begins.
    Reset,
    /// The next connection ends in a request, over HTTP/2 with GOAWAY.
    GoAway,
    /// The next request gets this reply.
    Reply(Reply),
}

#[derive(Clone, Debug, Default)]
pub(in crate::export) struct Reply {
    pub(in crate::export) status: u16,
    pub(in crate::export) headers: Vec<(&'static str, String)>,
    pub(in crate::export) body: Vec<u8>,
    pub(in crate::export) trailers: Vec<(&'static str, String)>,
    /// A `Retry-After` with the date that is so long after the reply.
    pub(in crate::export) retry_after_date: Option<Duration>,
    pub(in crate::export) end: End,
}

/// How a reply ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::export) enum End {
    #[default]
    Whole,
    /// And the connection is not to be used again.
    Close,
    /// A byte now and then, for ever.
    Never,
    /// It breaks off.
    Reset,
}

/// What the receiver was asked.
#[derive(Clone, Debug)]
pub(in crate::export) struct Asked {
    pub(in crate::export) path: String,
    pub(in crate::export) version: Version,
    pub(in crate::export) headers: HeaderMap,
    /// When the whole request was there.
    pub(in crate::export) at: Instant,
    pub(in crate::export) body: Bytes,
}

#[derive(Clone, Default)]
pub(in crate::export) struct Receiver {
    steps: Arc<Mutex<VecDeque<Step>>>,
    /// The last step goes on.
    for_ever: bool,
    /// What the connections show, the last of them for ever; without any there is no TLS.
    tls: Arc<Mutex<VecDeque<Arc<ServerConfig>>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    closing: Arc<Notify>,
}

impl Receiver {
    pub(in crate::export) fn new(steps: Vec<Step>, for_ever: bool, tls: Vec<Arc<ServerConfig>>) -> Self {
        Self {
            steps: Arc::new(Mutex::new(steps.into())),
            for_ever,
            tls: Arc::new(Mutex::new(tls.into())),
            ..Self::default()
        }
    }

    pub(in crate::export) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(in crate::export) fn serve(&self, listener: TcpListener) {
        let receiver = self.clone();
        tokio::spawn(async move {
            let mut silent = Vec::new();
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                match receiver.next(|step| !matches!(step, Step::Reply(_))) {
                    Some(Step::Silence) => silent.push(connection),
                    Some(Step::Reset) => {
                        tokio::spawn(reset(connection));
                    }
                    Some(Step::GoAway) => {
                        tokio::spawn(go_away(connection));
                    }
                    Some(Step::Reply(_)) | None => {
                        tokio::spawn(receiver.clone().connection(connection));
                    }
                }
            }
        });
    }

    /// Serves a socket of this machine until the task is ended.
    pub(in crate::export) fn serve_unix(&self, listener: UnixListener) -> JoinHandle<()> {
        let receiver = self.clone();
        tokio::spawn(async move {
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                tokio::spawn(receiver.clone().requests(connection));
            }
        })
    }

    /// The next step, if it is one of those that are meant.
    fn next(&self, meant: impl Fn(&Step) -> bool) -> Option<Step> {
        let mut steps = self.steps.lock().unwrap();
        let step = steps.front().filter(|step| meant(step)).cloned()?;
        if !self.for_ever || steps.len() > 1 {
            steps.pop_front();
        }
        Some(step)
    }

    async fn connection(self, connection: TcpStream) {
        let tls = {
            let mut tls = self.tls.lock().unwrap();
            if tls.len() > 1 { tls.pop_front() } else { tls.front().cloned() }
        };
        match tls {
            None => self.requests(connection).await,
            Some(config) => {
                // A client that does not like the certificate is none.
                if let Ok(connection) = TlsAcceptor::from(config).accept(connection).await {
                    self.requests(connection).await;
                }
            }
        }
    }

    async fn requests<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S) {
        let builder = auto::Builder::new(TokioExecutor::new());
        let closing = Arc::clone(&self.closing);
        let service = service_fn(|request| self.clone().answer(request));
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            _ = connection.as_mut() => return,
            () = closing.notified() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<ScriptedBody>, Infallible> {
        let (head, body) = request.into_parts();
        let grpc = head.headers[http::header::CONTENT_TYPE] == "application/grpc";
        let Ok(body) = body.collect().await else { std::future::pending().await };
        self.asked.lock().unwrap().push(Asked {
            path: head.uri.path().to_owned(),
            version: head.version,
            headers: head.headers,
            at: Instant::now(),
            body: body.to_bytes(),
        });
        let reply = match self.next(|step| matches!(step, Step::Reply(_))) {
            Some(Step::Reply(reply)) => reply,
            _ => Reply::taken(grpc, &[]),
        };
        if reply.end == End::Close {
            self.closing.notify_waiters();
        }
        Ok(reply.response())
    }
}

impl Reply {
    /// The receiver has the request, and says this about it.
    pub(in crate::export) fn taken(grpc: bool, message: &[u8]) -> Self {
        if !grpc {
            return Self { status: 200, body: message.to_vec(), ..Self::default() };
        }
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        Self {
            status: 200,
            headers: vec![("content-type", "application/grpc".to_owned())],
            body: [&[0], &length[..], message].concat(),
            trailers: vec![("grpc-status", "0".to_owned())],
            ..Self::default()
        }
    }

    fn response(self) -> Response<ScriptedBody> {
        let mut frames = VecDeque::new();
        if !self.body.is_empty() {
            frames.push_back(Frame::data(self.body.into()));
        }
        if !self.trailers.is_empty() {
            frames.push_back(Frame::trailers(headers(self.trailers)));
        }
        let body =
            ScriptedBody { frames, end: self.end, clock: interval(Duration::from_millis(20)), ticks: 0 };
        let mut response = Response::new(body);
        *response.status_mut() = self.status.try_into().unwrap();
        *response.headers_mut() = headers(self.headers);
        if let Some(after) = self.retry_after_date {
            let date = httpdate::fmt_http_date(SystemTime::now() + after);
            response.headers_mut().insert(RETRY_AFTER, date.try_into().unwrap());
        }
        response
    }
}

fn headers(list: Vec<(&'static str, String)>) -> HeaderMap {
    list.into_iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::try_from(value).unwrap()))
        .collect()
}

struct ScriptedBody {
    frames: VecDeque<Frame<Bytes>>,
    end: End,
    clock: Interval,
    ticks: u32,
}

impl Body for ScriptedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.end {
            End::Whole | End::Close => Poll::Ready(self.frames.pop_front().map(Ok)),
            End::Never => {
                ready!(self.clock.poll_tick(context));
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"\0")))))
            }
            End::Reset => loop {
                // The first tick is at once; what was sent before the second one arrives.
                ready!(self.clock.poll_tick(context));
                self.ticks += 1;
                match self.ticks {
                    1 => return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"\0"))))),
                    2 => {}
                    _ => return Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into()))),
                }
            },
        }
    }
}

/// Waits for the beginning of a request, and ends the connection without a word.
async fn reset(mut connection: TcpStream) {
    // More than HTTP/2's preface, so that the request may be under way.
    let _ = connection.read_exact(&mut [0; 64]).await;
    connection.set_zero_linger().unwrap();
}

async fn go_away(connection: TcpStream) {
    let mut first = [0; 3];
    connection.peek(&mut first).await.unwrap();
    if &first != b"PRI" {
        // HTTP/1.1 has no word for it.
        let mut connection = connection;
        let _ = connection.read_exact(&mut [0; 64]).await;
        return;
    }
    let mut connection = h2::server::handshake(connection).await.unwrap();
    let request = connection.accept().await;
    connection.abrupt_shutdown(h2::Reason::ENHANCE_YOUR_CALM);
    let _ = poll_fn(|context| connection.poll_closed(context)).await;
    drop(request);
}
