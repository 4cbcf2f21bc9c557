//! Who began a connection that was there before the program, where a router's connection tracking runs in zones.

use std::fs;
use std::io::Read;
use std::net::{SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flow_tests::netns::Netns;
use rustix::net::sockopt::set_socket_linger;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use semconv::attribute;
use semconv::value::network_flow_initiator_evidence as evidence;

use crate::orientation::{Connection, ensure_source, listen, observe, records, track};
use crate::topology::{CLIENT, FAR_SERVER, Routed};

/// Of which nothing is known.
const CLIENT_PORT: u16 = 50_011;
const SERVER_PORT: u16 = 50_010;
/// Of the router.
const CLOSED_FOR: &str = "/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close";

const SEVEN: Zone = Zone(Some("ct zone set 7"));
const EIGHT: Zone = Zone(Some("ct zone set 8"));
const DEFAULT: Zone = Zone(None);

/// What nft says of the packets of a connection, whoever sends them; `None` leaves them in the default zone.
#[derive(Clone, Copy)]
struct Zone(Option<&'static str>);

/// Of addresses and ports that are always the same.
#[derive(Clone, Copy)]
enum Opener {
    Client,
    Server,
}

impl Opener {
    /// Its address, then the other's.
    fn ends(self) -> Result<[SocketAddrV4; 2]> {
        let client = SocketAddrV4::new(CLIENT.parse()?, CLIENT_PORT);
        let server = SocketAddrV4::new(FAR_SERVER.parse()?, SERVER_PORT);
        Ok(match self {
            Self::Client => [client, server],
            Self::Server => [server, client],
        })
    }

    fn open(self, routed: &Routed) -> Result<Connection> {
        let [near, far] = match self {
            Self::Client => [&routed.client, &routed.server],
            Self::Server => [&routed.server, &routed.client],
        };
        let [own, other] = self.ends()?;
        let listener: TcpListener = listen(far, other.into())?;
        let client = near.enter(|| connected(own, other))??;
        let (server, _) = listener.accept()?;
        Ok(Connection { client, server })
    }
}

fn connected(own: SocketAddrV4, other: SocketAddrV4) -> Result<TcpStream> {
    let client = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&client, &SocketAddr::V4(own))?;
    connect(&client, &SocketAddr::V4(other))?;
    Ok(client.into())
}

/// Has the router track connections in the zone from now on.
fn enter(router: &Netns, zone: Zone) -> Result<()> {
    let table = "table ip zones; delete table ip zones; table ip zones";
    let rule = zone.0.unwrap_or("accept");
    let chain = format!("{{ chain raw {{ type filter hook prerouting priority raw; {rule}; }}; }}");
    router.run(&["nft", &format!("{table} {chain}")]).map(drop)
}

/// Resets a connection, of which an entry stays.
fn reset(mut connection: Connection) -> Result<()> {
    set_socket_linger(&connection.client, Some(Duration::ZERO))?;
    drop(connection.client);
    let told = connection.server.read(&mut [0]);
    ensure!(told.is_err(), "not reset: {told:?}");
    Ok(())
}

/// A router whose connection tracking has entries of equal addresses and ports, the last one of a connection that the client opened and
/// that is there. Gives the evidence of it.
fn told(before: &[(Zone, Opener)], zone: Zone) -> Result<String> {
    let routed = Routed::new()?;
    track(&routed.router)?;
    routed.router.enter(|| fs::write(CLOSED_FOR, "3600"))??;
    for (zone, opener) in before {
        enter(&routed.router, *zone)?;
        reset(opener.open(&routed)?)?;
    }
    enter(&routed.router, zone)?;
    let mut connection = Opener::Client.open(&routed)?;
    let program = observe(&routed.router)?;
    connection.push()?;
    let records = records(program)?;
    let record = records.first().with_context(|| "no record")?;
    let told = record[attribute::NETWORK_FLOW_INITIATOR_EVIDENCE.key].as_str().unwrap_or_default();
    // The server speaks first.
    let source =
        if told == evidence::FIRST_PACKET { (FAR_SERVER, SERVER_PORT) } else { (CLIENT, CLIENT_PORT) };
    let destination = if source.0 == CLIENT { FAR_SERVER } else { CLIENT };
    ensure_source(&records, source, destination, told)?;
    Ok(told.to_owned())
}

/// One zone for both directions, or for one of them.
pub(crate) fn one() -> Result<()> {
    for zone in ["ct zone set 7", "ct original zone set 7", "ct reply zone set 7"] {
        let told = told(&[], Zone(Some(zone)))?;
        ensure!(told == evidence::CONNTRACK, "{zone}: {told}");
    }
    Ok(())
}

/// Zones that say the same, the default one among them.
pub(crate) fn that_agree() -> Result<()> {
    for other in [EIGHT, DEFAULT] {
        let told = told(&[(other, Opener::Client)], SEVEN)?;
        ensure!(told == evidence::CONNTRACK, "{told}");
    }
    Ok(())
}

/// Which of the connections the packets are of nobody knows.
pub(crate) fn that_contradict() -> Result<()> {
    for (other, zone) in [(EIGHT, SEVEN), (DEFAULT, SEVEN), (SEVEN, DEFAULT)] {
        let told = told(&[(other, Opener::Server)], zone)?;
        ensure!(told == evidence::FIRST_PACKET, "{told}");
    }
    Ok(())
}

/// Both sides of a translation in a zone.
pub(crate) fn with_a_translation() -> Result<()> {
    let routed = Routed::new()?;
    track(&routed.router)?;
    enter(&routed.router, SEVEN)?;
    routed.router.run(&[
        "nft",
        "add chain ip track post { type nat hook postrouting priority 100; }; add rule ip track post oifname rs masquerade",
    ])?;
    let mut connection = Opener::Client.open(&routed)?;
    let program = observe(&routed.router)?;
    connection.push()?;
    let (own, behind) = (connection.client.local_addr()?, connection.server.peer_addr()?);
    let records = records(program)?;
    ensure!(own.ip() != behind.ip(), "not translated: {behind}");
    for source in [own, behind] {
        let is_its = |record: &&serde_json::Value| {
            record[attribute::SOURCE_ADDRESS.key] == source.ip().to_string()
                && record[attribute::SOURCE_PORT.key] == source.port()
        };
        let record = records.iter().find(is_its).with_context(|| format!("none of {source}: {records:?}"))?;
        ensure!(record[attribute::NETWORK_FLOW_INITIATOR_EVIDENCE.key] == evidence::CONNTRACK, "{record}");
    }
    Ok(())
}
