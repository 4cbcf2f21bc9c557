//! How connections to a receiver are made: by TCP, through a proxy, or to a Unix socket.

mod stream;
mod tcp;

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use http::uri::Scheme;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use tokio::net::UnixStream;
use tower_service::Service;

use self::stream::Stream;
use self::tcp::TcpConnector;
use crate::connections::OwnConnections;
use crate::export::settings::{Protocol, Proxy, Route, Settings, UnixAddress};

/// Connects as the settings say.
#[derive(Clone, Debug)]
pub(super) enum Connector {
    /// To the endpoint itself.
    Direct(TcpConnector),
    /// To a proxy that is asked for a connection to the endpoint (`CONNECT`): it sees nothing of what is sent.
    Tunnel(Tunnel<TcpConnector>),
    /// To a proxy that is given the requests themselves, as is usual where they are not encrypted.
    Forward(TcpConnector, Uri),
    /// To a socket of this machine.
    Unix(UnixAddress),
}

/// Any of the connectors' errors.
pub(super) type ConnectorError = Box<dyn Error + Send + Sync>;

impl Connector {
    /// `own` learns of each TCP connection.
    pub(super) fn new(settings: &Settings, own: &Arc<OwnConnections>) -> Self {
        let tcp = TcpConnector::new(Arc::clone(own), settings.timeout);
        match &settings.route {
            Route::Direct => Self::Direct(tcp),
            Route::Unix(address) => Self::Unix(address.clone()),
            Route::Proxy(proxy) if forwards(settings) => Self::Forward(tcp, proxy.uri.clone()),
            Route::Proxy(Proxy { uri, authorization, .. }) => {
                let tunnel = Tunnel::new(uri.clone(), tcp);
                Self::Tunnel(match authorization {
                    Some(authorization) => tunnel.with_auth(authorization.clone()),
                    None => tunnel,
                })
            }
        }
    }
}

/// Whether requests themselves are the proxy's to send on. No proxy of HTTP/1.1 could do that with gRPC.
pub(super) fn forwards(settings: &Settings) -> bool {
    matches!(settings.route, Route::Proxy(_))
        && settings.protocol == Protocol::HttpProtobuf
        && settings.endpoint.scheme() == Some(&Scheme::HTTP)
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = ConnectorError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, ConnectorError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ConnectorError>> {
        match self {
            Self::Direct(tcp) | Self::Forward(tcp, _) => tcp.poll_ready(context).map_err(Into::into),
            Self::Tunnel(tunnel) => tunnel.poll_ready(context).map_err(Into::into),
            Self::Unix(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, endpoint: Uri) -> Self::Future {
        match self {
            Self::Direct(tcp) => {
                let connection = tcp.call(endpoint);
                Box::pin(async { Ok(connection.await?) })
            }
            Self::Tunnel(tunnel) => {
                let connection = tunnel.call(endpoint);
                Box::pin(async { Ok(connection.await?) })
            }
            Self::Forward(tcp, proxy) => {
                let connection = tcp.call(proxy.clone());
                Box::pin(async { Ok(connection.await?.by_forwarding_proxy()) })
            }
            Self::Unix(address) => {
                let connection = UnixStream::connect(address.connect_path());
                Box::pin(async { Ok(connection.await?.into()) })
            }
        }
    }
}
