//! How connections to a receiver are made.

mod tcp;

pub(super) use self::tcp::TcpConnector;
