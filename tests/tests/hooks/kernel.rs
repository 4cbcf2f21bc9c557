//! What the kernel says of programs on an interface, and programs of others.

use std::collections::BTreeSet;

use abi::Direction;
use anyhow::{Context, Result};
use aya::programs::links::LinkOrder;
use aya::programs::tc::{NlOptions, TcAttachOptions};
use aya::programs::{SchedClassifier, TcAttachType, loaded_programs};
use aya::{Ebpf, EbpfLoader};
use flow_tests::netns::Netns;
use object::write::{Object, Symbol, SymbolSection};
use object::{Architecture, BinaryFormat, Endianness, SectionKind, SymbolFlags, SymbolKind, SymbolScope};

pub(crate) const DIRECTIONS: [Direction; 2] = [Direction::Ingress, Direction::Egress];
/// Verdicts (`include/uapi/linux/pkt_cls.h`).
pub(crate) const UNSPEC: i32 = -1;
pub(crate) const SHOT: i32 = 2;

/// Names of the TCX programs of an interface, in the order that they run in.
pub(crate) fn tcx(namespace: &Netns, interface: &str, direction: Direction) -> Result<Vec<String>> {
    let programs = namespace.enter(|| SchedClassifier::query_tcx(interface, attach_type(direction)))??.1;
    Ok(programs.iter().map(|program| program.name_as_str().unwrap_or("?").to_owned()).collect())
}

/// Filters of the clsact qdisc in the order that they run in: `priority name`.
pub(crate) fn clsact(namespace: &Netns, interface: &str, direction: Direction) -> Result<Vec<String>> {
    let output = namespace.tc(&format!("filter show dev {interface} {}", words(direction)))?;
    output
        .lines()
        .filter(|line| line.starts_with("filter ") && line.contains(" handle "))
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let after =
                |key: &str| words.iter().position(|word| *word == key).and_then(|at| words.get(at + 1));
            let priority = after("pref").context("no priority")?;
            let handle = words.iter().position(|word| *word == "handle").context("no handle")?;
            Ok(format!("{priority} {}", words.get(handle + 2).unwrap_or(&"?")))
        })
        .collect()
}

/// Whether the interface has a clsact (or ingress) qdisc.
pub(crate) fn has_qdisc(namespace: &Netns, interface: &str) -> Result<bool> {
    Ok(namespace.tc(&format!("qdisc show dev {interface}"))?.contains("parent ffff:fff1"))
}

/// Ids of all loaded programs that use one of these maps: those of one agent, whatever keeps them loaded.
pub(crate) fn programs_using(maps: &BTreeSet<u32>) -> Result<BTreeSet<u32>> {
    let mut using = BTreeSet::new();
    for program in loaded_programs() {
        // A program of somebody else may be gone before it is asked.
        let Ok(program) = program else { continue };
        let Ok(ids) = program.map_ids() else { continue };
        if ids.context("this kernel does not tell the maps of a program")?.iter().any(|id| maps.contains(id))
        {
            using.insert(program.id());
        }
    }
    Ok(using)
}

/// Another program.
pub(crate) struct Foreign {
    ebpf: Ebpf,
}

impl Foreign {
    /// One that gives the same verdict on every packet.
    pub(crate) fn load(verdict: i32) -> Result<Self> {
        Self::of(&give(verdict))
    }

    /// One that drops frames of more than so many bytes.
    pub(crate) fn load_limit(bytes: i32) -> Result<Self> {
        // r0 = skb->len; if r0 > bytes skip the 2 instructions of the first verdict
        let mut code = vec![0x61, 0x10, 0, 0, 0, 0, 0, 0, 0x25, 0, 2, 0];
        code.extend(bytes.to_le_bytes());
        code.extend([give(UNSPEC), give(SHOT)].concat());
        Self::of(&code)
    }

    fn of(code: &[u8]) -> Result<Self> {
        let mut ebpf = EbpfLoader::new().load(&object_file(code)?)?;
        program(&mut ebpf)?.load()?;
        Ok(Self { ebpf })
    }

    /// By TCX, behind those that are there.
    pub(crate) fn attach_tcx(
        &mut self,
        namespace: &Netns,
        interface: &str,
        direction: Direction,
    ) -> Result<()> {
        self.attach(namespace, interface, direction, TcAttachOptions::TcxOrder(LinkOrder::last()))
    }

    /// By a clsact filter.
    pub(crate) fn attach_clsact(
        &mut self,
        namespace: &Netns,
        interface: &str,
        direction: Direction,
        priority: u16,
    ) -> Result<()> {
        let options = NlOptions { priority, ..NlOptions::default() };
        self.attach(namespace, interface, direction, TcAttachOptions::Netlink(options))
    }

    fn attach(
        &mut self,
        namespace: &Netns,
        interface: &str,
        direction: Direction,
        options: TcAttachOptions,
    ) -> Result<()> {
        let ebpf = &mut self.ebpf;
        namespace.enter(move || {
            let program = program(ebpf)?;
            let link = program.attach_with_options(interface, attach_type(direction), options)?;
            // Dropped with the program, links by netlink would be looked for in the wrong namespace; they go with their own.
            std::mem::forget(program.take_link(link)?);
            anyhow::Ok(())
        })?
    }
}

fn program(ebpf: &mut Ebpf) -> Result<&mut SchedClassifier> {
    Ok(ebpf.program_mut("foreign").context("no program")?.try_into()?)
}

/// `r0 = verdict; exit`
fn give(verdict: i32) -> Vec<u8> {
    let mut code = vec![0xb7, 0, 0, 0];
    code.extend(verdict.to_le_bytes());
    code.extend([0x95, 0, 0, 0, 0, 0, 0, 0]);
    code
}

/// Code as an object file.
fn object_file(code: &[u8]) -> Result<Vec<u8>> {
    let mut object = Object::new(BinaryFormat::Elf, Architecture::Bpf, Endianness::Little);
    let license = object.add_section(Vec::new(), b"license".to_vec(), SectionKind::Data);
    object.append_section_data(license, b"GPL\0", 1);
    let section = object.add_section(Vec::new(), b"classifier".to_vec(), SectionKind::Text);
    object.append_section_data(section, code, 8);
    object.add_symbol(Symbol {
        name: b"foreign".to_vec(),
        value: 0,
        size: code.len() as u64,
        kind: SymbolKind::Text,
        scope: SymbolScope::Dynamic,
        weak: false,
        section: SymbolSection::Section(section),
        flags: SymbolFlags::None,
    });
    Ok(object.write()?)
}

fn attach_type(direction: Direction) -> TcAttachType {
    match direction {
        Direction::Ingress => TcAttachType::Ingress,
        Direction::Egress => TcAttachType::Egress,
    }
}

fn words(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    }
}
