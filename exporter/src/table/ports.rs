//! What two ports say of who serves: the evidence `well_known_port`.
//!
//! A port is well known if it is a system port (below 1024, RFC 6335 section 6), or one of a short list of registered ports at which
//! servers commonly wait. Two well-known ports, or none, say nothing. Linux gives clients ports from 32768 on
//! (`net.ipv4.ip_local_port_range`), and none of the list is there.

use crate::flow::Tuple;
use crate::table::conversation::Side;

/// The first port that is not a system port.
const USER_PORTS: u16 = 1024;

/// System ports at which clients wait: those of DHCP (RFC 2131) and DHCPv6 (RFC 8415).
const CLIENTS: [u16; 2] = [68, 546];

/// Of the registry of IANA (service names and port numbers), in order. Where custom differs from the registered name, it is
/// behind it.
const SERVERS: [u16; 44] = [
    1080,  // socks
    1194,  // openvpn
    1433,  // ms-sql-s
    1521,  // ncube-lm: Oracle
    1701,  // l2tp
    1812,  // radius
    1813,  // radius-acct
    1883,  // mqtt
    2049,  // nfs
    2379,  // etcd-client
    2380,  // etcd-server
    3128,  // ndl-aas: HTTP proxies
    3260,  // iscsi-target
    3268,  // msft-gc
    3269,  // msft-gc-ssl
    3306,  // mysql
    3389,  // ms-wbt-server
    3478,  // stun
    3868,  // diameter
    4789,  // vxlan
    5060,  // sip
    5061,  // sips
    5222,  // xmpp-client
    5269,  // xmpp-server
    5353,  // mdns
    5432,  // postgresql
    5671,  // amqps
    5672,  // amqp
    5900,  // rfb
    5985,  // wsman
    5986,  // wsmans
    6081,  // geneve
    6379,  // redis
    6443,  // sun-sr-https: the API of Kubernetes
    6514,  // syslog-tls
    6653,  // openflow
    8080,  // http-alt
    8443,  // pcsync-https: HTTPS
    8883,  // secure-mqtt
    9092,  // XmlIpcRegSvc: Kafka
    9200,  // wap-wsp: Elasticsearch
    9418,  // git
    11211, // memcache
    27017, // mongodb
];

/// Whether servers are known by the port.
fn is_well_known(port: u16) -> bool {
    match port {
        0 => false,
        port if port < USER_PORTS => !CLIENTS.contains(&port),
        port => SERVERS.binary_search(&port).is_ok(),
    }
}

/// The end whose port alone is well known.
pub(super) fn server(conversation: &Tuple) -> Option<Side> {
    let (source, destination) = (conversation.source_port?, conversation.destination_port?);
    match [source, destination].map(is_well_known) {
        [true, false] => Some(Side::Along),
        [false, true] => Some(Side::Against),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::table::tests::support::tcp;

    fn between(source_port: impl Into<Option<u16>>, destination_port: impl Into<Option<u16>>) -> Tuple {
        Tuple { source_port: source_port.into(), destination_port: destination_port.into(), ..tcp(1) }
    }

    #[test]
    fn the_list_is_in_order_and_beside_other_rules() {
        assert!(SERVERS.is_sorted_by(|one, next| one < next));
        // The lowest port that Linux gives to clients by default.
        assert!(SERVERS.iter().all(|port| (USER_PORTS..32_768).contains(port)));
    }

    #[test]
    fn the_only_well_known_port_serves() {
        for port in [1, 53, 443, 1023, 1194, 6443, 27_017] {
            assert_eq!(server(&between(40_000, port)), Some(Side::Against), "{port}");
            assert_eq!(server(&between(port, 40_000)), Some(Side::Along), "{port}");
        }
    }

    #[test]
    fn equal_classes_say_nothing() {
        // Two clients, NTP, an NFS client at a reserved port, two listed ones.
        for (one, other) in [(40_000, 50_000), (123, 123), (700, 2049), (8080, 9092), (1024, 5000)] {
            assert_eq!(server(&between(one, other)), None, "{one} {other}");
        }
    }

    #[test]
    fn a_client_of_dhcp_is_none_although_it_waits_at_a_system_port() {
        assert_eq!(server(&between(68, 67)), Some(Side::Against));
        assert_eq!(server(&between(547, 546)), Some(Side::Along));
    }

    #[test]
    fn a_port_that_is_not_known_or_zero_says_nothing() {
        assert_eq!(server(&between(None, 80)), None);
        assert_eq!(server(&between(80, None)), None);
        assert_eq!(server(&between(0, 40_000)), None);
    }

    proptest! {
        #[test]
        fn either_direction_names_the_same_end(one in any::<u16>(), other in 0..1100_u16) {
            let tuple = between(one, other);
            let reverse = tuple.reverse().unwrap();
            prop_assert_eq!(server(&tuple), server(&reverse).map(Side::other));
        }

        #[test]
        fn the_port_that_serves_is_well_known_and_the_other_is_not(one in any::<u16>(), other in 0..1100_u16) {
            match server(&between(one, other)) {
                Some(Side::Along) => prop_assert!(is_well_known(one) && !is_well_known(other)),
                Some(Side::Against) => prop_assert!(is_well_known(other) && !is_well_known(one)),
                None => prop_assert_eq!(is_well_known(one), is_well_known(other)),
            }
        }
    }
}
