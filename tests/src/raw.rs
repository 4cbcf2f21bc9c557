//! Frames by hand: packet sockets and TUN/TAP devices, both with the header of virtio, which no crate offers safely.
#![expect(unsafe_code, reason = "raw system calls; each block states why it is sound")]
#![expect(clippy::cast_possible_truncation, reason = "sizes of small structures and constants of the kernel")]

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use packet::Link;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::netdevice::name_to_index;

/// What virtio says of a frame: how long its headers are, and how it is to be cut.
#[derive(Clone, Copy, Debug, Default)]
pub struct VirtioHeader {
    /// Bytes that the kernel puts into the linear part, of a packet of a page or more; the rest goes into fragments.
    pub header_len: u16,
    /// How the frame is to be cut.
    pub gso: Option<Gso>,
}

/// A frame that is to be cut into segments.
#[derive(Clone, Copy, Debug)]
pub struct Gso {
    /// `VIRTIO_NET_HDR_GSO_*`.
    pub kind: u8,
    /// Payload bytes of a segment.
    pub size: u16,
    /// Where the transport header begins.
    pub transport_at: u16,
    /// Where its checksum is, from there on.
    pub checksum_at: u16,
}

impl VirtioHeader {
    /// `VIRTIO_NET_HDR_GSO_TCPV4`.
    pub const TCP_V4: u8 = 1;
    /// `VIRTIO_NET_HDR_GSO_TCPV6`.
    pub const TCP_V6: u8 = 4;
    /// `VIRTIO_NET_HDR_GSO_UDP_L4`.
    pub const UDP: u8 = 5;

    fn bytes(self) -> [u8; 10] {
        const NEEDS_CHECKSUM: u8 = 1;
        let mut bytes = [0; 10];
        bytes[2..4].copy_from_slice(&self.header_len.to_ne_bytes());
        if let Some(gso) = self.gso {
            (bytes[0], bytes[1]) = (NEEDS_CHECKSUM, gso.kind);
            bytes[4..6].copy_from_slice(&gso.size.to_ne_bytes());
            bytes[6..8].copy_from_slice(&gso.transport_at.to_ne_bytes());
            bytes[8..10].copy_from_slice(&gso.checksum_at.to_ne_bytes());
        }
        bytes
    }
}

/// Something that takes frames with a virtio header.
#[derive(Debug)]
pub struct Port(File);

impl Port {
    /// Sends through an interface of this namespace: its frames pass the egress hook.
    ///
    /// # Errors
    /// As of packet(7).
    pub fn packet_socket(interface: &str) -> io::Result<Self> {
        const PACKET_VNET_HDR: libc::c_int = 15;
        // SAFETY: the call takes no pointers.
        let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor for us.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        let one: libc::c_int = 1;
        // SAFETY: the option is an int, which outlives the call.
        check(unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_PACKET,
                PACKET_VNET_HDR,
                (&raw const one).cast(),
                size_of_val(&one) as libc::socklen_t,
            )
        })?;
        let address = libc::sockaddr_ll {
            sll_family: libc::AF_PACKET as libc::sa_family_t,
            sll_protocol: 0,
            sll_ifindex: name_to_index(&socket, interface)?.cast_signed(),
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 0,
            sll_addr: [0; 8],
        };
        // SAFETY: the address is a whole `sockaddr_ll`, which outlives the call.
        check(unsafe {
            libc::bind(
                socket.as_raw_fd(),
                (&raw const address).cast(),
                size_of_val(&address) as libc::socklen_t,
            )
        })?;
        Ok(Self(File::from(socket)))
    }

    /// Makes a TAP or TUN device in this namespace: what is sent passes its ingress hook. It goes when this value does.
    ///
    /// # Errors
    /// As of the kernel's `TUNSETIFF`.
    pub fn device(name: &str, link: Link) -> io::Result<Self> {
        const TUNSETIFF: libc::c_ulong = 0x4004_54ca;
        let file = File::options().read(true).write(true).open("/dev/net/tun")?;
        let kind = match link {
            Link::Ethernet => libc::IFF_TAP,
            Link::Ip => libc::IFF_TUN,
        };
        let mut request = [0_u8; 40];
        request[..name.len()].copy_from_slice(name.as_bytes());
        let flags = kind | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
        request[16..20].copy_from_slice(&flags.to_ne_bytes());
        // SAFETY: the request is a `struct ifreq` of 40 bytes (name, then flags), which outlives the call.
        check(unsafe { libc::ioctl(file.as_raw_fd(), TUNSETIFF, request.as_mut_ptr()) })?;
        Ok(Self(file))
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// As of write(2).
    pub fn send(&self, header: VirtioHeader, frame: &[u8]) -> io::Result<()> {
        let packet = [&header.bytes()[..], frame].concat();
        match (&self.0).write(&packet)? {
            written if written == packet.len() => Ok(()),
            _ => Err(io::ErrorKind::WriteZero.into()),
        }
    }

    /// Takes what the namespace sends through a device, header included; nothing comes for 50 ms: `None`.
    ///
    /// # Errors
    /// As of poll(2) and read(2).
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let timeout = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
        if poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&timeout))? == 0 {
            return Ok(None);
        }
        (&self.0).read(buffer).map(Some)
    }

    /// Sends what another device gave, with its header.
    ///
    /// # Errors
    /// As of write(2).
    pub fn forward(&self, packet: &[u8]) -> io::Result<()> {
        (&self.0).write(packet).map(drop)
    }
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
