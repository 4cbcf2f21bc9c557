//! The form of type information: a header, types one after the other, and their names.

use super::{Btf, BtfError, TypeId};

const MAGIC: u16 = 0xeb9f;
const STRUCT: u32 = 4;
const UNION: u32 = 5;
pub(super) const FUNC_PROTO: u32 = 13;

/// What every type begins with, and what follows from it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// Where its name is.
    pub(super) name: u32,
    pub(super) kind: u32,
    /// Members, enumerators or arguments.
    pub(super) len: usize,
    /// Offsets of members have a number of bits above them.
    pub(super) has_bit_fields: bool,
    /// The type that it is made of, or its size.
    pub(super) of: u32,
    /// Where what follows begins.
    pub(super) end: usize,
}

impl Head {
    pub(super) fn is_structure(&self) -> bool {
        matches!(self.kind, STRUCT | UNION)
    }

    /// Bytes of what follows.
    fn rest(&self) -> Result<usize, BtfError> {
        let each = match self.kind {
            // Pointer, forward declaration, typedef, qualifiers, function, floating point number, tag of a type.
            2 | 7..=12 | 16 | 18 => return Ok(0),
            // Integer, variable, tag of a declaration.
            1 | 14 | 17 => return Ok(4),
            // Array.
            3 => return Ok(12),
            // Enumeration, arguments of a function.
            6 | FUNC_PROTO => 8,
            // Members; variables of a section; enumeration of 64 bits.
            STRUCT | UNION | 15 | 19 => 12,
            unknown => return Err(BtfError::Kind(unknown)),
        };
        Ok(self.len * each)
    }
}

impl Btf {
    /// Finds where each type is.
    ///
    /// # Errors
    /// [`BtfError`].
    pub(crate) fn parse(bytes: Vec<u8>) -> Result<Self, BtfError> {
        let mut btf = Self { bytes, strings: 0..0, types: Vec::new() };
        let magic = btf.bytes.first_chunk().map(|magic| u16::from_ne_bytes(*magic));
        if magic != Some(MAGIC) {
            return Err(BtfError::Form);
        }
        let section = |at| {
            let word = |at| btf.word(at).and_then(|word| usize::try_from(word).ok());
            let start = word(4)?.checked_add(word(at)?)?;
            let end = start.checked_add(word(at + 4)?)?;
            (end <= btf.bytes.len()).then_some(start..end)
        };
        let (types, strings) = section(8).zip(section(16)).ok_or(BtfError::Form)?;
        btf.strings = strings;
        let mut at = types.start;
        while at < types.end {
            let head = btf.head_at(at).ok_or(BtfError::Form)?;
            btf.types.push(at);
            at = head.end + head.rest()?;
        }
        Ok(btf)
    }

    pub(super) fn head(&self, id: TypeId) -> Option<Head> {
        let index = usize::try_from(id.0).ok()?.checked_sub(1)?;
        self.head_at(*self.types.get(index)?)
    }

    fn head_at(&self, at: usize) -> Option<Head> {
        let info = self.word(at + 4)?;
        Some(Head {
            name: self.word(at)?,
            kind: info >> 24 & 0x1f,
            len: usize::try_from(info & 0xffff).ok()?,
            has_bit_fields: info >> 31 != 0,
            of: self.word(at + 8)?,
            end: at + 12,
        })
    }

    pub(super) fn word(&self, at: usize) -> Option<u32> {
        Some(u32::from_ne_bytes(*self.bytes.get(at..)?.first_chunk()?))
    }

    /// Whether the name at a place is this one. Most are told by their first byte.
    pub(super) fn is_text(&self, at: u32, name: &str) -> bool {
        let rest = usize::try_from(at).ok().and_then(|at| self.bytes.get(self.strings.clone())?.get(at..));
        rest.and_then(|rest| rest.strip_prefix(name.as_bytes())).is_some_and(|rest| rest.first() == Some(&0))
    }

    /// A name, by its place among all names.
    pub(super) fn text(&self, at: u32) -> Option<&str> {
        let strings = self.bytes.get(self.strings.clone())?;
        let rest = strings.get(usize::try_from(at).ok()?..)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        str::from_utf8(&rest[..end]).ok()
    }
}
