//! Forgets the hooks that left, so that interfaces may come and go for ever.
//!
//! A hook is forgotten when nothing more comes from it ([`Hooks::read_through`]), when no flow or loss in the table will name it
//! again, and when each of its packets is where it stays. Its row in the ledger goes into a sum, its number to another hook.

use crate::flow::Hooks;
use crate::ledger::Ledger;
use crate::table::FlowTable;

/// To be called after each complete reading, when its records are made.
pub(super) fn retire(hooks: &mut Hooks, table: &FlowTable, ledger: &Ledger) {
    hooks.forget(|hook| !table.names(hook) && ledger.close(hook));
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use abi::{Direction, protocol};

    use super::*;
    use crate::clock::{Clock, MonotonicTime, WallTime};
    use crate::flow::{
        Counts, FlowIds, Handshake, Hook, HookId, Observation, OtherReason, Record, RecordSink, Tuple,
        Unattributed,
    };
    use crate::ledger::{Account, Row};
    use crate::table::{Config, Output};

    const ONE: Counts = Counts { packets: 1, bytes: 100 };
    /// Nanoseconds.
    const READING: u64 = 2_500_000_000;

    /// Delivers at once, and checks that no record names a hook that was forgotten.
    struct Receiver<'a>(&'a Ledger);

    impl RecordSink for Receiver<'_> {
        fn record(&mut self, record: Record<'_>, accounted: &[(HookId, Counts)]) {
            let name = match record {
                Record::Flow(flow) => &flow.hook.unwrap().interface,
                Record::Other(other) => &other.hook.unwrap().interface,
            };
            assert!(name.starts_with("veth"), "{name}");
            for &(hook, counts) in accounted {
                self.0.queued(hook, counts);
                self.0.delivered(hook, counts);
            }
        }
    }

    struct Bench {
        hooks: Hooks,
        table: FlowTable,
        ledger: Ledger,
        readings: u64,
    }

    impl Bench {
        fn new() -> Self {
            let table = FlowTable::new(&Config::default(), FlowIds::seeded(1, 1));
            Self { hooks: Hooks::default(), table, ledger: Ledger::default(), readings: 0 }
        }

        fn now(&self) -> MonotonicTime {
            MonotonicTime(self.readings * READING)
        }

        fn read(&mut self, observations: &[Observation], losses: &[Unattributed]) {
            self.readings += 1;
            let now = self.now();
            let mut out = Output {
                clock: Clock::at(now, WallTime(now.0)),
                hooks: &self.hooks,
                ledger: &self.ledger,
                sink: &mut Receiver(&self.ledger),
            };
            for observation in observations {
                self.table.apply(observation, &mut out);
            }
            for loss in losses {
                self.table.apply_unattributed(loss, &mut out);
            }
            self.table.emit_due(&mut out);
            self.hooks.read_through();
            retire(&mut self.hooks, &self.table, &self.ledger);
        }

        fn observation(&self, hook: HookId, flow: u32, protocol: u8) -> Observation {
            Observation {
                hook,
                tuple: Tuple {
                    source: Ipv6Addr::from(u128::from(flow)),
                    destination: Ipv6Addr::from(u128::MAX),
                    source_port: Some(1),
                    destination_port: Some(2),
                    protocol,
                    ip_version: 6,
                    icmp: None,
                },
                counts: ONE,
                first: self.now(),
                last: self.now(),
                handshake: Handshake::default(),
                initial: None,
                macs: None,
                vlan: crate::flow::Vlan::default(),
                tcp_flags: crate::flow::TcpFlags(0),
                dscp: 0,
                ecn: crate::flow::Ecn(1),
                is_fragmented: false,
                quality: crate::flow::Quality::default(),
            }
        }

        fn total(&self) -> Counts {
            let rows = self.ledger.snapshot();
            assert!(rows.iter().all(|(_, row)| row.balances()));
            rows.iter().map(|(_, row)| row.seen).sum()
        }
    }

    #[test]
    fn a_hundred_thousand_hooks_that_come_and_go_take_the_room_of_those_that_are_there() {
        const AT_A_TIME: u32 = 100;
        const ROUNDS: u32 = 500;
        let mut bench = Bench::new();
        for round in 0..ROUNDS {
            let (mut observations, mut losses) = (Vec::new(), Vec::new());
            for interface in (0..AT_A_TIME).map(|number| round * AT_A_TIME + number + 1) {
                for direction in [Direction::Ingress, Direction::Egress] {
                    let name = format!("veth{interface}");
                    let hook = bench.hooks.register(Hook::named(0, interface, direction, &name));
                    observations.push(bench.observation(hook, interface, protocol::UDP));
                    losses.push(Unattributed {
                        hook: Some(hook),
                        reason: OtherReason::Overflow,
                        counts: ONE,
                    });
                }
            }
            bench.read(&observations, &losses);
            for interface in (0..AT_A_TIME).map(|number| round * AT_A_TIME + number + 1) {
                bench.hooks.leave(0, interface, Direction::Ingress);
                bench.hooks.leave(0, interface, Direction::Egress);
            }
        }
        // A flow ends 15 s after its last packet: 7 readings.
        let most = 2 * AT_A_TIME as usize * 9;
        assert!(bench.hooks.numbers() <= most, "{} numbers", bench.hooks.numbers());
        assert!(bench.ledger.snapshot().len() <= most + 2);
        for _ in 0..10 {
            bench.read(&[], &[]);
        }
        assert_eq!(bench.hooks.iter().count(), 0);
        let packets = u64::from(2 * 2 * AT_A_TIME * ROUNDS);
        assert_eq!(bench.total(), Counts { packets, bytes: 100 * packets });
        let rows = bench.ledger.snapshot();
        let gone = rows.iter().find(|(account, _)| *account == Account::Gone).unwrap().1;
        assert_eq!((gone.path.packets, gone.delivered.packets), (packets / 4, packets / 4));
    }

    #[test]
    fn a_hook_is_kept_as_long_as_a_flow_names_it() {
        let mut bench = Bench::new();
        let (leaves, stays) = (
            bench.hooks.register(Hook::named(0, 1, Direction::Ingress, "veth1")),
            bench.hooks.register(Hook::named(0, 2, Direction::Ingress, "veth2")),
        );
        bench.read(&[bench.observation(leaves, 1, protocol::TCP)], &[]);
        bench.hooks.leave(0, 1, Direction::Ingress);
        for _ in 0..100 {
            bench.read(&[], &[]);
            assert_eq!(bench.hooks.get(leaves).to_string(), "veth1 ingress");
        }
        // Another hook takes over.
        bench.read(&[bench.observation(stays, 1, protocol::TCP)], &[]);
        for _ in 0..5 {
            bench.read(&[], &[]);
        }
        assert_eq!(bench.hooks.iter().map(|(hook, _)| hook).collect::<Vec<_>>(), [stays]);
        assert_eq!(bench.hooks.register(Hook::named(0, 3, Direction::Ingress, "veth3")), leaves);
        assert_eq!(bench.total().packets, 2);
        assert_eq!(bench.ledger.snapshot()[leaves.0 as usize].1, Row::default());
    }

    #[test]
    fn a_hook_is_kept_as_long_as_a_record_of_it_is_not_acknowledged() {
        let mut bench = Bench::new();
        let hook = bench.hooks.register(Hook::named(0, 1, Direction::Ingress, "veth1"));
        bench.ledger.observed(hook, ONE);
        bench.ledger.queued(hook, ONE);
        bench.hooks.leave(0, 1, Direction::Ingress);
        for _ in 0..10 {
            bench.read(&[], &[]);
        }
        assert_eq!(bench.hooks.iter().count(), 1);
        bench.ledger.delivered(hook, ONE);
        bench.read(&[], &[]);
        assert_eq!((bench.hooks.iter().count(), bench.total()), (0, ONE));
    }
}
