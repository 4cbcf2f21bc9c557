//! The same frame on a bond, its member and the VLAN upon it.

use std::net::UdpSocket;
use std::time::Duration;

use anyhow::{Result, ensure};
use flow_tests::harness::until;
use flow_tests::netns::Netns;
use flow_tests::program::{Ended, Program, command};
use flow_tests::topology::quiet;
use semconv::attribute;
use serde_json::{Value, json};

const HERE: &str = "10.77.9.1";
const THERE: &str = "10.77.9.2";
const CLIENT_PORT: u16 = 50_000;
const PORT: u16 = 50_001;
/// Bytes of a datagram, and of Ethernet, the tag, IPv4 and UDP before them.
const PAYLOAD: usize = 50;
const HEADERS: u64 = 14 + 4 + 20 + 8;
/// For what comes soon, or never, in a slow machine.
const PATIENCE: Duration = Duration::from_mins(5);

/// Two machines, each with a bond of two members that are joined with the other's, and a VLAN upon it.
struct Bonded {
    here: Netns,
    there: Netns,
}

impl Bonded {
    fn new(mode: &str) -> Result<Self> {
        let (here, there) = (quiet("here")?, quiet("there")?);
        for number in [0, 1] {
            let other = there.name();
            here.ip(&format!("link add m{number} type veth peer name n{number} netns {other}"))?;
        }
        for (machine, member, address) in [(&here, "m", HERE), (&there, "n", THERE)] {
            machine.ip(&format!("link add bond0 type bond mode {mode} miimon 50"))?;
            for number in [0, 1] {
                machine.ip(&format!("link set {member}{number} master bond0"))?;
                machine.ip(&format!("link set {member}{number} up"))?;
            }
            machine.ip("link set bond0 up")?;
            machine.ip("link add link bond0 name bond0.100 type vlan id 100")?;
            machine.ip(&format!("addr add {address}/24 dev bond0.100"))?;
            machine.ip("link set bond0.100 up")?;
        }
        let bonded = Self { here, there };
        until("the other end of the bond", PATIENCE, || {
            Ok(bonded.here.run(&["ping", "-c", "1", "-W", "2", THERE]).is_ok())
        })?;
        Ok(bonded)
    }

    fn observe(&self) -> Result<Program> {
        let flows = ["flows", "--format", "json", "--interval", "1h", "--idle-timeout", "1h"];
        Program::start(command(&self.here, &flows))
    }

    /// Sends datagrams, each of which is answered.
    fn exchange(&self, exchanges: u64) -> Result<()> {
        let sending = self.here.enter(|| UdpSocket::bind((HERE, CLIENT_PORT)))??;
        let answering = self.there.enter(|| UdpSocket::bind((THERE, PORT)))??;
        sending.connect((THERE, PORT))?;
        for socket in [&sending, &answering] {
            socket.set_read_timeout(Some(PATIENCE))?;
        }
        let mut buffer = [0; PAYLOAD];
        for _ in 0..exchanges {
            sending.send(&[0; PAYLOAD])?;
            answering.recv(&mut buffer)?;
            answering.send_to(&[0; PAYLOAD], (HERE, CLIENT_PORT))?;
            sending.recv(&mut buffer)?;
        }
        Ok(())
    }
}

/// The only record of the datagrams, which counts so many in each direction.
fn record(ended: &Ended, exchanges: u64) -> Result<Value> {
    ensure!(ended.stderr.contains("balances"), "{}", ended.stderr);
    let mut records = ended.records()?;
    records.retain(|record| record["destination.port"] == json!(PORT));
    let [record] = &records[..] else { anyhow::bail!("not one record: {records:?}") };
    let bytes = exchanges * (HEADERS + PAYLOAD as u64);
    for (key, count) in [
        (attribute::SOURCE_PACKETS.key, exchanges),
        (attribute::DESTINATION_PACKETS.key, exchanges),
        (attribute::SOURCE_BYTES.key, bytes),
        (attribute::DESTINATION_BYTES.key, bytes),
    ] {
        ensure!(record[key] == json!(count), "{key} is not {count}: {record}\n{}", ended.stderr);
    }
    ensure!(record["network.interface.name"] == "bond0", "another interface accounts: {record}");
    ensure!(record["network.vlan.id"] == json!(100), "{record}");
    Ok(record.clone())
}

/// Interface, direction and packets of each hop.
fn path(record: &Value) -> Vec<(&str, &str, u64)> {
    list(record, "interface.name")
        .iter()
        .zip(list(record, "direction"))
        .zip(list(record, "packets"))
        .map(|((name, direction), packets)| {
            let name = name.as_str().unwrap_or_default();
            (name, direction.as_str().unwrap_or_default(), packets.as_u64().unwrap_or_default())
        })
        .collect()
}

fn list<'a>(record: &'a Value, of: &str) -> &'a [Value] {
    record[&format!("network.flow.path.{of}")].as_array().map_or(&[], Vec::as_slice)
}

/// The record of datagrams over a bond that nothing happens to.
fn exchanged(mode: &str, exchanges: u64) -> Result<Value> {
    let bonded = Bonded::new(mode)?;
    let program = bonded.observe()?;
    bonded.exchange(exchanges)?;
    record(&program.stop()?, exchanges)
}

pub(crate) fn vlan() -> Result<()> {
    const EACH: u64 = 20;
    let record = exchanged("active-backup", EACH)?;
    let forward = ["bond0.100", "bond0", "m0"].map(|name| (name, "forward", EACH));
    let reverse = ["m0", "bond0", "bond0.100"].map(|name| (name, "reverse", EACH));
    let path = path(&record);
    ensure!(path == [forward, reverse].concat(), "{path:?}");
    Ok(())
}

pub(crate) fn failover() -> Result<()> {
    const EACH: u64 = 20;
    let bonded = Bonded::new("active-backup")?;
    let program = bonded.observe()?;
    bonded.exchange(EACH)?;
    // Both ends see the link go.
    bonded.here.ip("link set m0 down")?;
    until("the other member", PATIENCE, || {
        let active = |machine: &Netns| machine.run(&["cat", "/sys/class/net/bond0/bonding/active_slave"]);
        Ok(active(&bonded.here)?.trim() == "m1" && active(&bonded.there)?.trim() == "n1")
    })?;
    bonded.exchange(EACH)?;
    let record = record(&program.stop()?, 2 * EACH)?;
    let path = path(&record);
    for hop in
        [("m0", "forward", EACH), ("m1", "forward", EACH), ("m0", "reverse", EACH), ("m1", "reverse", EACH)]
    {
        ensure!(path.contains(&hop), "{hop:?} is not in {path:?}");
    }
    Ok(())
}

pub(crate) fn round_robin() -> Result<()> {
    const EACH: u64 = 40;
    let record = exchanged("balance-rr", EACH)?;
    let path = path(&record);
    for direction in ["forward", "reverse"] {
        let of_members = path.iter().filter(|hop| hop.0.starts_with('m') && hop.1 == direction);
        let packets: Vec<u64> = of_members.map(|hop| hop.2).collect();
        ensure!(packets.len() == 2 && packets.iter().sum::<u64>() == EACH, "{direction}: {path:?}");
    }
    Ok(())
}
