//! Delivery over gRPC to a receiver that another library implements (tonic), on this machine.

use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use prost::Message;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};

use super::settled::Settled;
use super::*;
use crate::clock::Clock;
use crate::flow::{Counts, HookId};

/// Longer than anything here takes on a busy machine; a wait that ends by it is a failed test.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);

const ALL: Outcome = Outcome::Delivered { rejected_records: 0 };

type Answer = Result<ExportLogsServiceResponse, Status>;

/// Gives the scripted answers in turn, then successes, and keeps the requests.
#[derive(Clone, Default)]
struct Receiver {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    requests: Arc<Mutex<Vec<Request<ExportLogsServiceRequest>>>>,
}

#[tonic::async_trait]
impl LogsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.requests.lock().unwrap().push(request);
        self.answers.lock().unwrap().pop_front().unwrap_or_else(|| Ok(success())).map(Response::new)
    }
}

impl Receiver {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self { answers: Arc::new(Mutex::new(answers.into_iter().collect())), ..Self::default() }
    }

    fn serve(&self, listener: TcpListener) {
        let service = LogsServiceServer::new(self.clone());
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener)));
    }

    async fn start(&self) -> SocketAddr {
        let (listener, address) = listen().await;
        self.serve(listener);
        address
    }

    fn received(&self) -> Vec<Bytes> {
        let requests = self.requests.lock().unwrap();
        requests.iter().map(|request| request.get_ref().encode_to_vec().into()).collect()
    }
}

/// Tells of each failed attempt.
struct Watched {
    transport: Otlp,
    failed: Arc<Notify>,
}

impl Transport for Watched {
    fn endpoint(&self) -> &str {
        self.transport.endpoint()
    }

    async fn send(&mut self, payload: &Payload) -> Result<PartialSuccess, Failure> {
        let result = self.transport.send(payload).await;
        if result.is_err() {
            self.failed.notify_one();
        }
        result
    }
}

fn success() -> ExportLogsServiceResponse {
    ExportLogsServiceResponse { partial_success: None }
}

pub(super) fn partial(rejected_log_records: i64, error_message: String) -> ExportLogsServiceResponse {
    ExportLogsServiceResponse {
        partial_success: Some(ExportLogsPartialSuccess { rejected_log_records, error_message }),
    }
}

/// What so many of a batch's records account for.
pub(super) fn counts(number: u64, records: u64) -> Counts {
    Counts { packets: number * records, bytes: 64 * number * records }
}

/// A batch of 100 records.
pub(super) fn batch(number: u64) -> Batch {
    let log_records = vec![LogRecord { time_unix_nano: number, ..LogRecord::default() }; 100];
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
    Batch {
        payload: Payload::plain(ExportLogsServiceRequest { resource_logs }.encode_to_vec()),
        records: 100,
        accounted: (0..100).map(|record| (record, HookId(3), counts(number, 1))).collect(),
        created: Clock::now().monotonic(),
    }
}

pub(super) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn transport(address: SocketAddr, timeout: Duration) -> Otlp {
    let settings = Settings::read(Signal::Logs, &|name: &str| match name {
        "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(format!("http://{address}")),
        "OTEL_EXPORTER_OTLP_PROTOCOL" => Some("grpc".to_owned()),
        "OTEL_EXPORTER_OTLP_TIMEOUT" => Some(timeout.as_millis().to_string()),
        "OTEL_EXPORTER_OTLP_HEADERS" => Some("X-Tenant=blue%20team".to_owned()),
        _ => None,
    });
    Otlp::new(settings.unwrap().unwrap(), Arc::default()).unwrap()
}

fn start(queue: &Arc<Queue>, transport: impl Transport + 'static, settled: &Settled) -> JoinHandle<()> {
    let (queue, settled) = (Arc::clone(queue), settled.clone());
    let limits = Limits {
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(20),
        age: PATIENCE,
        shutdown: PATIENCE,
        ..Limits::default()
    };
    let now = || Clock::now().monotonic();
    tokio::spawn(async move { run(&queue, transport, settled, limits, Outage::default(), now).await })
}

async fn ended(task: JoinHandle<()>) {
    tokio::time::timeout(PATIENCE, task).await.expect("the task ends").unwrap();
}

/// Delivers batches to a receiver that answers by a script; returns what was sent and what became of it.
async fn deliver(receiver: &Receiver, batches: u64) -> (Vec<Batch>, Vec<Outcome>) {
    let transport = transport(receiver.start().await, PATIENCE);
    let queue = Arc::new(Queue::new(usize::MAX));
    let settled = Settled::default();
    let task = start(&queue, transport, &settled);
    let sent: Vec<Batch> = (0..batches).map(batch).collect();
    for batch in &sent {
        assert!(queue.push(batch.clone()).is_empty());
    }
    queue.close();
    ended(task).await;
    let settled_batches: Vec<Batch> =
        settled.0.lock().unwrap().iter().map(|(_, batch)| batch.clone()).collect();
    assert_eq!(settled_batches, sent);
    (sent, settled.outcomes())
}

/// One attempt at a receiver that is no gRPC server or does not answer as one.
async fn attempt(address: SocketAddr, timeout: Duration) -> Result<PartialSuccess, Failure> {
    let mut transport = transport(address, timeout);
    let payload = batch(0).payload;
    let attempt = transport.send(&payload);
    tokio::time::timeout(PATIENCE, attempt).await.expect("an attempt ends")
}

#[tokio::test]
async fn the_receiver_gets_the_bytes_and_the_headers() {
    let receiver = Receiver::default();
    let (sent, outcomes) = deliver(&receiver, 3).await;
    assert_eq!(outcomes, [ALL; 3]);
    assert_eq!(receiver.received(), sent.into_iter().map(|batch| batch.payload.bytes).collect::<Vec<_>>());
    let requests = receiver.requests.lock().unwrap();
    let metadata = requests[0].metadata();
    assert_eq!(metadata.get("x-tenant").unwrap(), "blue team");
    assert!(metadata.get("user-agent").unwrap().to_str().unwrap().starts_with("otel-flow-exporter/"));
    assert!(metadata.contains_key("grpc-timeout"));
}

#[tokio::test]
async fn a_connection_serves_many_requests_until_it_is_too_old() {
    for (age, connections) in [(PATIENCE, 1), (Duration::ZERO, 3)] {
        let receiver = Receiver::default();
        let transport = transport(receiver.start().await, PATIENCE).with_connection_age(age);
        let queue = Arc::new(Queue::new(usize::MAX));
        let settled = Settled::default();
        for number in 0..3 {
            assert!(queue.push(batch(number)).is_empty());
        }
        queue.close();
        ended(start(&queue, transport, &settled)).await;
        assert_eq!(settled.outcomes(), [ALL; 3]);
        let requests = receiver.requests.lock().unwrap();
        let ports: HashSet<_> = requests.iter().map(|request| request.remote_addr().unwrap()).collect();
        assert_eq!(ports.len(), connections);
    }
}

#[tokio::test]
async fn a_partial_success_is_counted() {
    let receiver =
        Receiver::new([Ok(partial(7, "too old".to_owned())), Ok(partial(0, "slow down".to_owned()))]);
    let (_, outcomes) = deliver(&receiver, 2).await;
    assert_eq!(outcomes, [Outcome::Delivered { rejected_records: 7 }, ALL]);
}

#[tokio::test]
async fn a_retryable_status_leads_to_the_same_request_again() {
    let receiver = Receiver::new([Err(Status::unavailable("memory limit")), Err(Status::aborted("again"))]);
    let (sent, outcomes) = deliver(&receiver, 1).await;
    assert_eq!(outcomes, [ALL]);
    assert_eq!(receiver.received(), vec![sent[0].payload.bytes.clone(); 3]);
}

#[tokio::test]
async fn a_rejecting_status_gives_the_batch_up_and_goes_on() {
    let receiver = Receiver::new([Err(Status::invalid_argument("no"))]);
    let (_, outcomes) = deliver(&receiver, 2).await;
    assert_eq!(outcomes, [Outcome::Refused, ALL]);
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test]
async fn an_oversized_reply_is_not_read_and_not_asked_for_again() {
    let receiver = Receiver::new([Ok(partial(1, "x".repeat(1 << 20)))]);
    let (_, outcomes) = deliver(&receiver, 2).await;
    assert_eq!(outcomes, [ALL; 2]);
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test]
async fn a_failure_tells_the_receivers_words_and_a_remedy() {
    let receiver = Receiver::new([Err(Status::unauthenticated("who are you"))]);
    let failure = attempt(receiver.start().await, PATIENCE).await.unwrap_err();
    assert_eq!(failure.verdict, Verdict::Reject);
    assert!(failure.cause.contains("who are you"), "{failure}");
    assert!(failure.remedy.contains("OTEL_EXPORTER_OTLP_HEADERS"), "{}", failure.remedy);
}

#[tokio::test]
async fn a_silent_receiver_costs_an_attempt_its_time_limit() {
    let (listener, address) = listen().await;
    let silence = tokio::spawn(async move {
        let mut connections = Vec::new();
        loop {
            connections.push(listener.accept().await.unwrap());
        }
    });
    let failure = attempt(address, Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(failure.verdict, Verdict::RETRY);
    assert!(failure.remedy.contains("OTEL_EXPORTER_OTLP_TIMEOUT"), "{failure}: {}", failure.remedy);
    silence.abort();
}

#[tokio::test]
async fn a_connection_that_went_silent_is_replaced() {
    let (listener, address) = listen().await;
    let receiver = Receiver::default();
    let silent = tokio::spawn({
        let receiver = receiver.clone();
        async move {
            let connection = listener.accept().await.unwrap();
            receiver.serve(listener);
            connection
        }
    });
    let queue = Arc::new(Queue::new(usize::MAX));
    let settled = Settled::default();
    let task = start(&queue, transport(address, Duration::from_millis(200)), &settled);
    assert!(queue.push(batch(0)).is_empty());
    queue.close();
    ended(task).await;
    assert_eq!(settled.outcomes(), [ALL]);
    drop(silent.await.unwrap());
}

#[tokio::test]
async fn a_connection_that_breaks_in_a_request_is_tried_again() {
    let (listener, address) = listen().await;
    let receiver = Receiver::default();
    let broken = tokio::spawn({
        let receiver = receiver.clone();
        async move {
            for _ in 0..3 {
                let (mut connection, _) = listener.accept().await.unwrap();
                // More than HTTP/2's preface, so that the request may be under way.
                connection.read_exact(&mut [0; 64]).await.unwrap();
            }
            receiver.serve(listener);
        }
    });
    let queue = Arc::new(Queue::new(usize::MAX));
    let settled = Settled::default();
    let task = start(&queue, transport(address, PATIENCE), &settled);
    assert!(queue.push(batch(0)).is_empty());
    queue.close();
    ended(task).await;
    broken.await.unwrap();
    assert_eq!(settled.outcomes(), [ALL]);
}

#[tokio::test]
async fn a_receiver_of_something_else_is_an_error_that_says_so() {
    let receiver = Server::builder().add_routes(tonic::service::Routes::default());
    let (listener, address) = listen().await;
    tokio::spawn(receiver.serve_with_incoming(TcpIncoming::from(listener)));
    let failure = attempt(address, PATIENCE).await.unwrap_err();
    assert_eq!(failure.verdict, Verdict::Reject);
    assert!(failure.cause.starts_with(&format!("{:?}", Code::Unimplemented)), "{failure}");
    assert!(failure.remedy.contains("OTEL_METRICS_EXPORTER"), "{}", failure.remedy);
}

#[tokio::test]
async fn delivery_begins_when_a_receiver_appears() {
    // A port that is taken but does not listen refuses connections, and nobody else can get it.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let failed = Arc::new(Notify::new());
    let transport =
        Watched { transport: transport(socket.local_addr().unwrap(), PATIENCE), failed: Arc::clone(&failed) };
    let queue = Arc::new(Queue::new(usize::MAX));
    let settled = Settled::default();
    let task = start(&queue, transport, &settled);
    assert!(queue.push(batch(0)).is_empty());
    for _ in 0..2 {
        tokio::time::timeout(PATIENCE, failed.notified()).await.expect("an attempt fails");
    }
    let receiver = Receiver::default();
    receiver.serve(socket.listen(16).unwrap());
    queue.close();
    ended(task).await;
    assert_eq!(settled.outcomes(), [ALL]);
    assert_eq!(receiver.received().len(), 1);
}
