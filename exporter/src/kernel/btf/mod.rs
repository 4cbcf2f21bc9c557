//! What the kernel says of its own types (BTF, Documentation/bpf/btf.rst): where members of structures are, names of enumerators.
//!
//! Read here, because the loader keeps what it has read to itself, `btf` knows no `BTF_KIND_ENUM64`, and `btf-rs` is under the LGPL.
//! The bytes are the kernel's; still every function here is total.

mod parse;
#[cfg(test)]
mod tests;

use std::ops::Range;

/// The types of a kernel.
#[derive(Debug)]
pub(crate) struct Btf {
    bytes: Vec<u8>,
    strings: Range<usize>,
    /// Where each type is; the first has the number 1.
    types: Vec<usize>,
}

/// Why types cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BtfError {
    /// No type information, of another byte order, or too short.
    #[error("it is not of a form that is known")]
    Form,
    /// A kind of type that is newer than this program.
    #[error("it has types of an unknown kind ({0})")]
    Kind(u32),
}

/// A type's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TypeId(u32);

/// Kinds of types (include/uapi/linux/btf.h) that are asked for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Kind {
    Struct = 4,
    Enum = 6,
    Typedef = 8,
}

/// More members than one is looked for among.
const MOST_MEMBERS: u32 = 1 << 16;

impl Btf {
    /// The first type of a kind and name.
    pub(crate) fn find(&self, kind: Kind, name: &str) -> Option<TypeId> {
        let ids = 1..=u32::try_from(self.types.len()).ok()?;
        ids.map(TypeId).find(|id| {
            self.head(*id).is_some_and(|head| head.kind == kind as u32 && self.is_text(head.name, name))
        })
    }

    /// Where a structure has a member, in bytes, also in structures and unions without a name inside of it.
    pub(crate) fn offset(&self, structure: &str, member: &str) -> Option<u32> {
        let mut left = MOST_MEMBERS;
        let bits = self.member(self.find(Kind::Struct, structure)?, member, 0, &mut left)?;
        (bits % 8 == 0).then_some(bits / 8)
    }

    /// Names and values of an enumeration.
    pub(crate) fn enumerators(&self, name: &str) -> Vec<(&str, u32)> {
        let Some(head) = self.find(Kind::Enum, name).and_then(|id| self.head(id)) else { return Vec::new() };
        let enumerator = |number| {
            let at = head.end + number * 8;
            Some((self.text(self.word(at)?)?, self.word(at + 4)?))
        };
        (0..head.len).filter_map(enumerator).collect()
    }

    /// Types of the arguments of the function that a name of a pointer to one stands for.
    pub(crate) fn arguments(&self, typedef: &str) -> Option<Vec<TypeId>> {
        let pointer = self.head(self.find(Kind::Typedef, typedef)?)?.of;
        let function = self.head(TypeId(self.head(TypeId(pointer))?.of))?;
        if function.kind != parse::FUNC_PROTO {
            return None;
        }
        (0..function.len).map(|number| self.word(function.end + number * 8 + 4).map(TypeId)).collect()
    }

    /// Bits from the beginning of the outermost structure. Looks at no more than `left` members.
    fn member(&self, structure: TypeId, name: &str, depth: u32, left: &mut u32) -> Option<u32> {
        /// More than structures are within each other.
        const DEEPEST: u32 = 8;
        let head = self.head(structure).filter(parse::Head::is_structure)?;
        (0..head.len).find_map(|number| {
            *left = left.checked_sub(1)?;
            let at = head.end + number * 12;
            let (member, kind, offset) = (self.word(at)?, self.word(at + 4)?, self.word(at + 8)?);
            let offset = if head.has_bit_fields { offset & 0x00ff_ffff } else { offset };
            match self.text(member)? {
                found if found == name => Some(offset),
                "" if depth < DEEPEST => {
                    self.member(TypeId(kind), name, depth + 1, left)?.checked_add(offset)
                }
                _ => None,
            }
        })
    }
}
