//! Files that are read again when they change: Kubernetes and certificate managers replace them while the agent runs.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Files that are looked at together.
#[derive(Debug)]
pub(super) struct Watched(Vec<(PathBuf, Option<Stamp>)>);

/// What changes when a file's content does, or when a link leads to another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl Watched {
    /// Files as they are now.
    pub(super) fn new(files: impl IntoIterator<Item = PathBuf>) -> Self {
        Self(
            files
                .into_iter()
                .map(|path| (Stamp::of(&path), path))
                .map(|(stamp, path)| (path, stamp))
                .collect(),
        )
    }

    /// Whether a file is another than at the last look, or than at the start.
    pub(super) fn changed(&mut self) -> bool {
        let mut changed = false;
        for (path, stamp) in &mut self.0 {
            let now = Stamp::of(path);
            changed |= now != *stamp;
            *stamp = now;
        }
        changed
    }
}

impl Stamp {
    /// `None` for a file that is not there.
    fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok()?;
        Some(Self {
            device: file.dev(),
            inode: file.ino(),
            length: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_change_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), "1").unwrap();
        fs::write(path("b"), "2").unwrap();
        symlink(path("a"), path("link")).unwrap();
        let mut watched = Watched::new([path("link"), path("late")]);
        assert!(!watched.changed());
        // As a volume of Kubernetes does: the link turns to another file.
        symlink(path("b"), path("new")).unwrap();
        fs::rename(path("new"), path("link")).unwrap();
        assert!(watched.changed() && !watched.changed());
        fs::write(path("b"), "longer").unwrap();
        assert!(watched.changed() && !watched.changed());
        fs::write(path("late"), "").unwrap();
        assert!(watched.changed() && !watched.changed());
        fs::remove_file(path("late")).unwrap();
        assert!(watched.changed() && !watched.changed());
    }
}
