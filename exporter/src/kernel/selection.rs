//! Which interfaces are hooked.

use std::fmt;

use packet::Link;

use crate::kernel::glob::Glob;
use crate::kernel::interfaces::Interface;

/// The user's choice of interfaces. The default is all but loopback.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only interfaces that one of these fits; all, if there are none.
    pub include: Vec<Glob>,
    /// Not the interfaces that one of these fits; stronger than `include`.
    pub exclude: Vec<Glob>,
    /// Loopback too. An `include` that is its very name asks for it as well.
    pub loopback: bool,
}

/// Why an interface is not hooked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Skip {
    /// No include pattern fits.
    NotIncluded,
    /// An exclude pattern fits.
    Excluded,
    /// Loopback was not asked for.
    Loopback,
    /// The programs cannot read the frames of this type of device (`ARPHRD_*`).
    Device(u16),
    /// It is a pod's end of a pair, and the packets are seen at the machine's end.
    Peer,
}

impl fmt::Display for Skip {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotIncluded => formatter.write_str("not included"),
            Self::Excluded => formatter.write_str("excluded"),
            Self::Loopback => formatter.write_str("loopback was not asked for"),
            Self::Device(device) => {
                write!(formatter, "device type {device} carries neither Ethernet nor plain IP")
            }
            Self::Peer => formatter.write_str("its other end is hooked"),
        }
    }
}

impl Selection {
    /// Whether an interface is chosen, or why it is not.
    ///
    /// # Errors
    /// [`Skip`], of the first rule that leaves it out.
    pub fn choose(&self, name: &str, is_loopback: bool) -> Result<(), Skip> {
        let fits = |glob: &&Glob| glob.matches(name);
        if self.exclude.iter().any(|glob| fits(&glob)) {
            return Err(Skip::Excluded);
        }
        let mut including = self.include.iter().filter(fits).peekable();
        if !self.include.is_empty() && including.peek().is_none() {
            return Err(Skip::NotIncluded);
        }
        if is_loopback && !self.loopback && !including.any(Glob::is_literal) {
            return Err(Skip::Loopback);
        }
        Ok(())
    }

    /// How an interface is to be hooked, or why it is not.
    ///
    /// # Errors
    /// [`Skip`].
    pub fn decide(&self, interface: &Interface) -> Result<Link, Skip> {
        self.choose(&interface.name, interface.is_loopback)?;
        interface.link().ok_or(Skip::Device(interface.device))
    }
}

/// In the user's own terms, for messages.
impl fmt::Display for Selection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |globs: &[Glob]| globs.iter().map(Glob::to_string).collect::<Vec<_>>().join(", ");
        match &self.include[..] {
            [] => formatter.write_str("include *")?,
            include => write!(formatter, "include {}", list(include))?,
        }
        if !self.exclude.is_empty() {
            write!(formatter, "; exclude {}", list(&self.exclude))?;
        }
        formatter.write_str(if self.loopback { "; with loopback" } else { "; without loopback" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Role;
    use crate::kernel::way::Way;

    fn interface(name: &str, device: u16) -> Interface {
        let is_loopback = device == libc::ARPHRD_LOOPBACK;
        Interface {
            ifindex: 1,
            name: name.into(),
            device,
            is_loopback,
            is_up: false,
            address: Box::default(),
            role: Role::Host,
            switch: None,
            peer: None,
            is_alone: false,
            way: Way::Within,
        }
    }

    fn selection(include: &[&str], exclude: &[&str], loopback: bool) -> Selection {
        let globs = |list: &[&str]| list.iter().map(|glob| glob.parse().unwrap()).collect();
        Selection { include: globs(include), exclude: globs(exclude), loopback }
    }

    #[test]
    fn all_but_loopback_is_the_default() {
        let all = Selection::default();
        assert_eq!(all.decide(&interface("eth0", libc::ARPHRD_ETHER)), Ok(Link::Ethernet));
        assert_eq!(all.decide(&interface("wg0", libc::ARPHRD_NONE)), Ok(Link::Ip));
        assert_eq!(all.decide(&interface("lo", libc::ARPHRD_LOOPBACK)), Err(Skip::Loopback));
        assert_eq!(all.decide(&interface("can0", 280)), Err(Skip::Device(280)));
    }

    #[test]
    fn exclude_is_stronger_than_include() {
        let some = selection(&["eth*", "veth1"], &["*1"], false);
        assert_eq!(some.decide(&interface("eth0", libc::ARPHRD_ETHER)), Ok(Link::Ethernet));
        assert_eq!(some.decide(&interface("eth1", libc::ARPHRD_ETHER)), Err(Skip::Excluded));
        assert_eq!(some.decide(&interface("veth1", libc::ARPHRD_ETHER)), Err(Skip::Excluded));
        assert_eq!(some.decide(&interface("br0", libc::ARPHRD_ETHER)), Err(Skip::NotIncluded));
    }

    #[test]
    fn loopback_comes_by_its_switch_or_its_name() {
        let lo = interface("lo", libc::ARPHRD_LOOPBACK);
        assert_eq!(selection(&[], &[], true).decide(&lo), Ok(Link::Ethernet));
        assert_eq!(selection(&["lo"], &[], false).decide(&lo), Ok(Link::Ethernet));
        assert_eq!(selection(&["l*"], &[], false).decide(&lo), Err(Skip::Loopback));
        assert_eq!(selection(&["lo"], &["lo"], true).decide(&lo), Err(Skip::Excluded));
    }

    #[test]
    fn a_selection_reads_as_it_was_written() {
        assert_eq!(
            selection(&["eth*", "en[ps]*"], &["eth9"], false).to_string(),
            "include eth*, en[ps]*; exclude eth9; without loopback"
        );
        assert_eq!(Selection::default().to_string(), "include *; without loopback");
    }
}
