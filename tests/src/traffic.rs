//! Traffic between two namespaces.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};

use anyhow::{Result, ensure};

use crate::netns::Netns;

/// Sends bytes over a new connection, has them echoed by one byte, and closes it. Gives the client's port.
///
/// # Errors
/// If the connection fails, or not all arrives.
///
/// # Panics
/// If the receiver does.
pub fn stream(client: &Netns, server: &Netns, address_of_server: &str, bytes: u64) -> Result<u16> {
    let listener = server.enter(|| TcpListener::bind(address(address_of_server, 7000)))??;
    let receiving = std::thread::spawn(move || -> Result<u64> {
        let (mut connection, _) = listener.accept()?;
        let received = std::io::copy(&mut connection, &mut std::io::sink())?;
        connection.write_all(&[1])?;
        Ok(received)
    });
    let mut connection = client.enter(|| TcpStream::connect(address(address_of_server, 7000)))??;
    let port = connection.local_addr()?.port();
    let chunk = vec![0; 1 << 16];
    for _ in 0..bytes / chunk.len() as u64 {
        connection.write_all(&chunk)?;
    }
    connection.shutdown(Shutdown::Write)?;
    connection.read_to_end(&mut Vec::new())?;
    let received = receiving.join().expect("the receiver does not panic")?;
    ensure!(received == bytes, "{received} bytes of {bytes} arrived");
    Ok(port)
}

/// The socket address of a host of the [topology](crate::topology).
///
/// # Panics
/// If `host` is no address.
#[must_use]
pub fn address(host: &str, port: u16) -> SocketAddr {
    SocketAddr::new(host.parse::<IpAddr>().expect("the topology's addresses are addresses"), port)
}
