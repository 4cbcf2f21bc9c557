//! Header bytes of a packet in the kernel.

use core::arch::asm;

use aya_ebpf::helpers::generated::bpf_skb_load_bytes;
use aya_ebpf::programs::TcContext;
use packet::{Frame, Header};

use crate::bounds::{below, length};
use crate::maps::HEADERS;

/// Direct access to the linear part.
pub(crate) struct DirectFrame {
    data: usize,
    end: usize,
}

impl DirectFrame {
    #[inline(always)]
    pub(crate) fn of(context: &TcContext) -> Self {
        Self { data: context.data(), end: context.data_end() }
    }
}

impl Frame for DirectFrame {
    type Header<const N: usize> = DirectHeader<N>;

    #[inline(always)]
    fn header<const N: usize>(&self, at: usize) -> Option<DirectHeader<N>> {
        let start = self.data + at;
        if start + N > self.end {
            return None;
        }
        Some(DirectHeader(start))
    }
}

/// `N` bytes in reach, from this address on.
pub(crate) struct DirectHeader<const N: usize>(usize);

macro_rules! load {
    ($width:literal, $header:expr, $at:expr) => {{
        const { assert!($at + $width / 8 <= N, "field outside its header") };
        let value: u64;
        // SAFETY: `Frame::header` compared the header's end with the end of what is in reach. Written in assembly because a
        // packet field may be unaligned, and the compiler would read it byte by byte; not `pure`, or it would be moved in
        // front of the comparison.
        unsafe {
            asm!(
                concat!("{value} = *(u", $width, " *)({pointer} + {at})"),
                value = out(reg) value,
                pointer = in(reg) $header.0,
                at = const $at,
                options(readonly, nostack, preserves_flags),
            );
        }
        // SAFETY: the load clears the other bits.
        unsafe { core::hint::assert_unchecked(value >> ($width - 1) < 2) };
        value
    }};
}

impl<const N: usize> Header for DirectHeader<N> {
    #[inline(always)]
    fn u8<const AT: usize>(&self) -> u8 {
        load!(8, self, AT) as u8
    }

    #[inline(always)]
    fn be16<const AT: usize>(&self) -> u16 {
        u16::from_be(load!(16, self, AT) as u16)
    }

    #[inline(always)]
    fn be32<const AT: usize>(&self) -> u32 {
        u32::from_be(load!(32, self, AT) as u32)
    }

    #[inline(always)]
    fn ne32<const AT: usize>(&self) -> u32 {
        load!(32, self, AT) as u32
    }

    #[inline(always)]
    fn ne64<const AT: usize>(&self) -> u64 {
        load!(64, self, AT)
    }
}

/// Bytes of headers that are copied: no chain of headers that a sender has use for is longer.
const HEADERS_LEN: u32 = 512;
/// The longest header that is read in one piece: that of IPv6.
const LONGEST: usize = 40;

/// A buffer for a packet's headers. Behind them are as many bytes as the longest one has, so that for the verifier a header lies in it which
/// begins in [`HEADERS_LEN`], and 8 bytes of scratch memory.
pub(crate) type Headers = [u64; (HEADERS_LEN as usize + LONGEST) / 8 + 1];

/// The packet's beginning, copied: for headers outside the linear part.
pub(crate) struct CopiedFrame {
    /// Of [`Headers`].
    pub(crate) start: usize,
    /// How many of them are the packet's.
    pub(crate) len: usize,
}

impl CopiedFrame {
    /// `None` if the kernel refuses the copy.
    #[inline(always)]
    pub(crate) fn of(context: &TcContext) -> Option<Self> {
        let copy = HEADERS.get_ptr_mut(0)?.cast::<u8>();
        let len = context.len().min(HEADERS_LEN);
        if len == 0 {
            return None;
        }
        let len = length::<HEADERS_LEN>(len);
        // SAFETY: this CPU's buffer of HEADERS_LEN bytes, and `len` is at most that.
        let failed = unsafe { bpf_skb_load_bytes(context.skb.skb.cast(), 0, copy.cast(), len) };
        (failed == 0).then_some(Self { start: copy as usize, len: len as usize })
    }
}

impl Frame for CopiedFrame {
    type Header<const N: usize> = DirectHeader<N>;

    #[inline(always)]
    fn forget(&self, value: u32) -> u32 {
        let memory = (self.start + size_of::<Headers>() - size_of::<u64>()) as *mut u32;
        // SAFETY: of the last 8 bytes of the buffer. Volatile, because the point is to go through memory that the
        // verifier does not follow.
        unsafe {
            memory.write_volatile(value);
            memory.read_volatile()
        }
    }

    #[inline(always)]
    fn header<const N: usize>(&self, at: usize) -> Option<DirectHeader<N>> {
        const { assert!(N <= LONGEST, "beyond the buffer") };
        if at + N > self.len {
            return None;
        }
        Some(DirectHeader(self.start + below::<HEADERS_LEN>(at)))
    }
}
