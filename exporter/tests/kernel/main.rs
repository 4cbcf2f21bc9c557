//! What other tests cannot show where they run: the program on an older kernel, and devices that not every kernel has. In a virtual machine,
//! by `make test-kernel`.

mod bond;
mod load;

use std::path::Path;
use std::process::ExitCode;

use flow_tests::harness::{Test, needs_root, run};

/// Where the modules of the running kernel are.
const MODULES: &str = "/lib/modules";

fn main() -> ExitCode {
    let tests: [Test; 4] = [
        ("programs_load_whatever_is_asked_of_them", load::all_options),
        ("a_frame_of_a_vlan_on_a_bond_counts_once", bond::vlan),
        ("a_bond_that_takes_another_member_counts_on", bond::failover),
        ("what_a_bond_spreads_over_its_members_counts_once", bond::round_robin),
    ];
    let bond = Path::new(MODULES)
        .join(rustix::system::uname().release().to_string_lossy().as_ref())
        .join("kernel/drivers/net/bonding");
    let missing = needs_root()
        .or_else(|| (!bond.exists()).then_some("needs a kernel with bonds: `make test-kernel` boots one"));
    run(tests, missing)
}
