//! Where header bytes come from.

/// No extension header that begins beyond this offset is followed.
pub const MAX_OFFSET: u32 = 2047;

/// A packet from its first header on.
pub trait Frame {
    /// `N` bytes whose bounds have been checked.
    type Header<const N: usize>: Header;

    /// The value itself. Where a verifier follows every way through the program, it forgets here what it knows of the value, and
    /// so finds all ways to this point the same from here on.
    #[inline(always)]
    fn forget(&self, value: u32) -> u32 {
        value
    }

    /// The `N` bytes that start `at` bytes into the packet, or `None` if they cannot be read from here.
    fn header<const N: usize>(&self, at: usize) -> Option<Self::Header<N>>;
}

/// A header whose bounds have been checked. `AT` is the offset of the field; it has to lie inside the header.
pub trait Header {
    /// One byte.
    fn u8<const AT: usize>(&self) -> u8;
    /// Two bytes in network byte order.
    fn be16<const AT: usize>(&self) -> u16;
    /// Four bytes in network byte order.
    fn be32<const AT: usize>(&self) -> u32;
    /// Four bytes as they stand in memory.
    fn ne32<const AT: usize>(&self) -> u32;
    /// Eight bytes as they stand in memory.
    fn ne64<const AT: usize>(&self) -> u64;
}

/// A header that was copied out of the packet.
#[derive(Clone, Copy, Debug)]
pub struct Copied<const N: usize>(pub [u8; N]);

impl<const N: usize> Copied<N> {
    #[inline(always)]
    fn array<const AT: usize, const LEN: usize>(&self) -> [u8; LEN] {
        const { assert!(AT + LEN <= N, "field outside its header") };
        core::array::from_fn(|index| self.0[AT + index])
    }
}

impl<const N: usize> Header for Copied<N> {
    #[inline(always)]
    fn u8<const AT: usize>(&self) -> u8 {
        self.array::<AT, 1>()[0]
    }

    #[inline(always)]
    fn be16<const AT: usize>(&self) -> u16 {
        u16::from_be_bytes(self.array::<AT, 2>())
    }

    #[inline(always)]
    fn be32<const AT: usize>(&self) -> u32 {
        u32::from_be_bytes(self.array::<AT, 4>())
    }

    #[inline(always)]
    fn ne32<const AT: usize>(&self) -> u32 {
        u32::from_ne_bytes(self.array::<AT, 4>())
    }

    #[inline(always)]
    fn ne64<const AT: usize>(&self) -> u64 {
        u64::from_ne_bytes(self.array::<AT, 8>())
    }
}

impl Frame for [u8] {
    type Header<const N: usize> = Copied<N>;

    fn header<const N: usize>(&self, at: usize) -> Option<Copied<N>> {
        self.get(at..)?.first_chunk::<N>().copied().map(Copied)
    }
}
