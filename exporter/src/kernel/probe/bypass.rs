//! Traffic of this machine that never passes tc, as far as `sys` shows it.

use std::fmt;
use std::path::Path;

use crate::kernel::probe::{names, text};

/// Something whose traffic is not seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bypass {
    /// SR-IOV: the network card switches between its virtual functions.
    VirtualFunctions {
        /// The physical function.
        interface: String,
        /// How many virtual functions it has.
        count: u32,
    },
    /// A network card that user space drives, such as DPDK.
    UserSpaceDriver {
        /// The driver that hands it out.
        driver: &'static str,
        /// Its PCI addresses.
        devices: Vec<String>,
    },
    /// Cards that move data by themselves.
    Rdma {
        /// Their names.
        devices: Vec<String>,
    },
}

/// Drivers that hand a device to user space.
const USER_SPACE_DRIVERS: [&str; 3] = ["vfio-pci", "igb_uio", "uio_pci_generic"];
/// How the PCI class of network controllers begins; other devices are handed out as well.
const NETWORK_CLASS: &str = "0x02";

/// What bypasses tc on this machine.
#[must_use]
pub fn bypasses(sys: &Path) -> Vec<Bypass> {
    let mut found = virtual_functions(sys);
    found.extend(USER_SPACE_DRIVERS.into_iter().filter_map(|driver| user_space(sys, driver)));
    let devices = names(&sys.join("class/infiniband"));
    if !devices.is_empty() {
        found.push(Bypass::Rdma { devices });
    }
    found
}

fn virtual_functions(sys: &Path) -> Vec<Bypass> {
    let class = sys.join("class/net");
    let count_of = |name: &str| text(&class.join(name).join("device/sriov_numvfs"))?.parse().ok();
    let interfaces = names(&class).into_iter();
    let counted = interfaces.filter_map(|interface| Some((count_of(&interface)?, interface)));
    counted
        .filter(|(count, _)| *count > 0)
        .map(|(count, interface)| Bypass::VirtualFunctions { interface, count })
        .collect()
}

fn user_space(sys: &Path, driver: &'static str) -> Option<Bypass> {
    let folder = sys.join("bus/pci/drivers").join(driver);
    let mut devices = names(&folder);
    // The folder has files of the driver too, which have no class.
    devices.retain(|device| {
        text(&folder.join(device).join("class")).is_some_and(|class| class.starts_with(NETWORK_CLASS))
    });
    (!devices.is_empty()).then_some(Bypass::UserSpaceDriver { driver, devices })
}

impl fmt::Display for Bypass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::VirtualFunctions { interface, count } => write!(
                f,
                "{interface} has {count} SR-IOV virtual functions: traffic of those that are given to machines or containers \
                 is not seen here"
            ),
            Self::UserSpaceDriver { driver, devices } => write!(
                f,
                "{driver} gives {} to user space (DPDK, virtual machines): its traffic is not seen",
                devices.join(", ")
            ),
            Self::Rdma { devices } => {
                write!(f, "RDMA over {} is not seen, only what its host sends as packets", devices.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::probe::fixture::Fixture;

    #[test]
    fn a_plain_machine_has_no_bypass() {
        let host = Fixture::healthy();
        host.file("sys/class/net/eth0/device/sriov_numvfs", "0\n");
        assert_eq!(bypasses(&host.sys()), []);
    }

    #[test]
    fn virtual_functions_user_space_drivers_and_rdma_are_found() {
        let host = Fixture::healthy();
        host.file("sys/class/net/eth0/device/sriov_numvfs", "8\n")
            .file("sys/bus/pci/drivers/vfio-pci/0000:03:00.1/class", "0x020000\n")
            .file("sys/bus/pci/drivers/vfio-pci/0000:81:00.0/class", "0x030200\n")
            .file("sys/bus/pci/drivers/vfio-pci/new_id", "")
            .file("sys/class/infiniband/mlx5_0/node_type", "");
        let expected = [
            Bypass::VirtualFunctions { interface: "eth0".to_owned(), count: 8 },
            Bypass::UserSpaceDriver { driver: "vfio-pci", devices: vec!["0000:03:00.1".to_owned()] },
            Bypass::Rdma { devices: vec!["mlx5_0".to_owned()] },
        ];
        assert_eq!(bypasses(&host.sys()), expected);
    }
}
