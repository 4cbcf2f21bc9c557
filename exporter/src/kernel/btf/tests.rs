use super::*;

/// Type information of types that are given as words, names by their place in `strings`.
fn made(types: &[&[u32]], strings: &str) -> Vec<u8> {
    let types: Vec<u8> = types.concat().into_iter().flat_map(u32::to_ne_bytes).collect();
    let [types_len, strings_len] =
        [types.len(), strings.len()].map(|len| u32::try_from(len).unwrap().to_ne_bytes());
    let header = [
        &0xeb9f_u16.to_ne_bytes()[..],
        &[1, 0],
        &24_u32.to_ne_bytes(),
        &[0; 4],
        &types_len,
        &types_len,
        &strings_len,
    ];
    [&header.concat(), &types[..], strings.as_bytes()].concat()
}

const STRINGS: &str = "\0outer\0first\0deep\0bits\0reason\0A\0B\0call\0";

fn name(of: &str) -> u32 {
    u32::try_from(STRINGS.find(&format!("\0{of}\0")).unwrap() + 1).unwrap()
}

fn info(kind: u32, len: u32) -> u32 {
    kind << 24 | len
}

/// A structure with a member, and within a union without a name another one; an enumeration; a function that takes it.
fn sample() -> Vec<u8> {
    let union = [0, info(5, 1), 8, name("deep"), 4, 32];
    let outer = [
        name("outer"),
        info(4, 3) | 1 << 31,
        16,
        name("first"),
        4,
        0,
        0,
        1,
        64,
        name("bits"),
        4,
        3 << 24 | 0x83,
    ];
    let reason = [name("reason"), info(6, 2), 4, name("A"), 0, name("B"), 7];
    let integer = [0, info(1, 0), 4, 32];
    let function = [0, info(13, 2), 0, 0, 4, 0, 3];
    let pointer = [0, info(2, 0), 5];
    let call = [name("call"), info(8, 0), 6];
    made(&[&union, &outer, &reason, &integer, &function, &pointer, &call], STRINGS)
}

#[test]
fn members_are_found_where_they_are() {
    let btf = Btf::parse(sample()).unwrap();
    assert_eq!(btf.offset("outer", "first"), Some(0));
    assert_eq!(btf.offset("outer", "deep"), Some(12));
    assert_eq!(btf.offset("outer", "bits"), None, "not at the beginning of a byte");
    assert_eq!((btf.offset("outer", "none"), btf.offset("reason", "A")), (None, None));
}

#[test]
fn enumerators_and_arguments_are_named() {
    let btf = Btf::parse(sample()).unwrap();
    assert_eq!(btf.enumerators("reason"), [("A", 0), ("B", 7)]);
    assert_eq!(btf.arguments("call").unwrap()[1], btf.find(Kind::Enum, "reason").unwrap());
    assert!(btf.enumerators("outer").is_empty() && btf.arguments("reason").is_none());
}

#[test]
fn whatever_is_cut_is_an_error_and_no_panic() {
    let sample = sample();
    for end in 0..sample.len() {
        assert!(Btf::parse(sample[..end].to_vec()).is_err(), "{end}");
    }
    let unknown = made(&[&[0, info(31, 0), 0]], "\0");
    assert_eq!(Btf::parse(unknown).unwrap_err(), BtfError::Kind(31));
}

#[test]
fn a_structure_within_itself_is_left() {
    let endless = made(&[&[1, info(4, 1), 8, 0, 1, 0]], "\0a\0");
    assert_eq!(Btf::parse(endless).unwrap().offset("a", "b"), None);
    // With so many members of its own kind that looking into all of them would have no end.
    let members = [0, 1, 0].repeat(300);
    let wide = made(&[&[&[1, info(4, 300), 8][..], &members].concat()], "\0a\0");
    assert_eq!(Btf::parse(wide).unwrap().offset("a", "b"), None);
}

#[test]
fn a_member_beyond_all_offsets_is_none() {
    let inner = [0, info(5, 1), 8, name("deep"), 3, 64];
    let outer = |offset| [name("outer"), info(4, 1), 8, 0, 1, offset];
    let of = |offset| Btf::parse(made(&[&inner, &outer(offset)], STRINGS)).unwrap().offset("outer", "deep");
    assert_eq!((of(8), of(u32::MAX - 7)), (Some(9), None));
}

proptest::proptest! {
    #[test]
    fn any_change_is_read_or_refused(at: proptest::sample::Index, byte: u8) {
        let mut bytes = sample();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(btf) = Btf::parse(bytes) {
            let _ = (btf.offset("outer", "deep"), btf.enumerators("reason"), btf.arguments("call"));
        }
    }
}
