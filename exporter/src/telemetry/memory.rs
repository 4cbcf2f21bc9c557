//! What memory the process takes, and what the kernel accounts for its maps.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// What a descriptor of a map leads to.
const MAP: &str = "anon_inode:bpf-map";

/// Bytes of anonymous memory that is resident, of the process whose folder below /proc that is.
pub(super) fn anonymous(process: &Path) -> Option<u64> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    let kibibytes = field(&status, "RssAnon:")?.strip_suffix("kB")?.trim_end();
    kibibytes.parse::<u64>().ok()?.checked_mul(1 << 10)
}

/// Bytes of the maps that the process has a descriptor of. A map counts once, however many descriptors lead to it.
pub(super) fn kernel_maps(process: &Path) -> Option<u64> {
    let mut maps = BTreeMap::new();
    for descriptor in fs::read_dir(process.join("fd")).ok()?.flatten() {
        // Hooks have descriptors too, by the hundred: looking where one leads costs little, reading about it does not.
        if fs::read_link(descriptor.path()).is_ok_and(|target| target == Path::new(MAP)) {
            let about = match fs::read_to_string(process.join("fdinfo").join(descriptor.file_name())) {
                Ok(about) => about,
                // It was closed meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(_) => return None,
            };
            let number = |name| field(&about, name)?.parse::<u64>().ok();
            maps.insert(number("map_id:")?, number("memlock:")?);
        }
    }
    Some(maps.values().sum())
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// The folder of a process with these descriptors: where each leads, and what there is to read about it.
    fn process(descriptors: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in ["fd", "fdinfo"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        for (number, (target, about)) in descriptors.iter().enumerate() {
            symlink(target, folder.path().join(format!("fd/{number}"))).unwrap();
            fs::write(folder.path().join(format!("fdinfo/{number}")), about).unwrap();
        }
        folder
    }

    #[test]
    fn a_map_counts_once_and_nothing_else_does() {
        let map =
            |id, bytes| format!("pos:\t0\nmap_type:\t1\nmemlock:\t{bytes}\nmap_id:\t{id}\nfrozen:\t0\n");
        let (first, second) = (map(7, 4096), map(8, 100));
        let program = "prog_type:\t3\nmemlock:\t4096\nprog_id:\t9\n";
        let process =
            process(&[(MAP, &first), ("anon_inode:bpf-prog", program), (MAP, &first), (MAP, &second)]);
        assert_eq!(kernel_maps(process.path()), Some(4196));
    }

    #[test]
    fn what_the_kernel_does_not_tell_is_not_known() {
        let process = process(&[(MAP, "pos:\t0\n")]);
        assert_eq!((kernel_maps(process.path()), anonymous(process.path())), (None, None));
        fs::write(process.path().join("status"), "Name:\tx\nRssAnon:\t    1236 kB\nRssFile:\t 5 kB\n")
            .unwrap();
        assert_eq!(anonymous(process.path()), Some(1236 << 10));
    }

    #[test]
    fn this_process_has_memory() {
        assert!(anonymous(Path::new("/proc/self")).unwrap() > 1 << 16);
    }
}
