//! A receiver that goes away for ten minutes, at 2000 records a second: what is lost is what the balance says, to the packet, and
//! memory stays as it was.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::agent::{Process, agent};
use crate::lab::Lab;

/// One packet and one record of each flow in an interval.
const FLOWS: u32 = 20_000;
const RATE: u32 = 2_000;
const BEFORE: Duration = Duration::from_mins(1);
const AWAY: Duration = Duration::from_mins(10);
const AFTER: Duration = Duration::from_mins(1);
/// Its sixteenth is the queue: full after less than a minute.
const MEMORY: &str = "64MiB";

pub(crate) fn run() -> Result<()> {
    let lab = Lab::new()?;
    let first = lab.sink()?;
    let process = Process::start(
        &mut agent(&lab.router, "zstd", &["--interval", "10s", "--memory", MEMORY]),
        "attached",
    )?;
    let begin = Instant::now();
    let (sent, first, second) = std::thread::scope(|scope| -> Result<_> {
        let traffic = scope.spawn(|| lab.send(FLOWS, RATE, BEFORE + AWAY + AFTER));
        sleep(BEFORE);
        // In order, as each record that it answered for is to be counted once.
        let first = first.end()?;
        println!("{:>4} s: away; {} records came", begin.elapsed().as_secs(), first.records);
        let mut at = BEFORE;
        while at < BEFORE + AWAY {
            at += Duration::from_mins(1);
            sleep(at.saturating_sub(begin.elapsed()));
            let anonymous = process.anonymous().unwrap_or_default() >> 10;
            println!("{:>4} s: {anonymous} KiB of anonymous memory", begin.elapsed().as_secs());
        }
        let second = lab.sink()?;
        println!("{:>4} s: back", begin.elapsed().as_secs());
        let sent = traffic.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok((sent, first, second))
    })?;
    // The records of the last packets.
    sleep(Duration::from_secs(12));
    let ended = process.stop()?;
    let second = second.end()?;
    println!("{}", ended.said);

    let came = first.packets + second.packets;
    let [delivered, queue_full, undelivered] =
        ["delivered", "lost: queue_full", "lost: undelivered"].map(|column| ended.total(column));
    let (delivered, queue_full, undelivered) = (delivered?, queue_full?, undelivered?);
    println!(
        "{sent} datagrams sent; {} records with {came} packets came; the balance: {delivered} delivered, {queue_full} lost \
         for want of room, {undelivered} too old",
        first.records + second.records
    );
    ensure!(ended.said.contains("balances"), "the balance does not");
    ensure!(came == delivered, "{came} packets came, and {delivered} are delivered in the balance");
    ensure!(queue_full > 0, "the queue never was full");
    // The kernel itself speaks a little IPv6 to its neighbours.
    let accounted = delivered + queue_full + undelivered;
    ensure!(accounted >= sent && accounted < sent + 1000, "{accounted} of {sent} packets are accounted for");
    let of = |minutes: std::ops::Range<usize>| {
        let samples = ended.samples.anonymous.iter().copied().enumerate();
        samples.filter(|(index, _)| minutes.contains(&(index / 600))).map(|(_, bytes)| bytes).max()
    };
    let (full, last) = (of(2..4).unwrap_or_default(), of(9..11).unwrap_or_default());
    println!("anonymous memory: {} KiB once the queue is full, {} KiB at the end", full >> 10, last >> 10);
    ensure!(last < full + full / 10, "memory grows while the receiver is away");
    Ok(())
}
