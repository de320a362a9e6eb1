//! Files that appear whole or not at all, and are readable by root only.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    io::ErrorKind::{DirectoryNotEmpty, NotFound, ResourceBusy},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// A file could not be read, written or removed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} `{}`", path.display())]
pub struct FileError {
    verb: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// Names the file in an I/O error.
pub(crate) fn at<'a>(verb: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> FileError + 'a {
    move |source| FileError { verb, path: path.to_owned(), source }
}

/// Makes a folder and its parents, for root only.
pub(crate) fn create_dir(path: &Path) -> Result<(), FileError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at("create", path))
}

/// Writes a file for root only, by renaming a finished one over it. Returns whether the content changed.
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<bool, FileError> {
    if fs::read(path).is_ok_and(|old| old == content.as_ref()) {
        return Ok(false);
    }
    if let Some(parent) = path.parent() {
        create_dir(parent)?;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let half = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&half)
        .map_err(at("write", &half))?;
    file.write_all(content.as_ref()).map_err(at("write", &half))?;
    fs::rename(&half, path).map_err(at("write", path))?;
    Ok(true)
}

/// Reads a file that may be absent.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == NotFound => Ok(None),
        Err(error) => Err(at("read", path)(error)),
    }
}

/// Removes a folder with everything in it; absent is fine.
pub(crate) fn remove_all(path: &Path) -> Result<(), FileError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != NotFound => Err(at("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Removes these files and folders of a folder, and the folder itself if nothing else is in it: a person may have named
/// a folder of their own.
pub(crate) fn remove_entries(folder: &Path, names: &[&str]) -> Result<(), FileError> {
    // With them goes what `write` did not finish.
    let halves = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let halves: Vec<_> = halves
        .filter(|file| names.iter().any(|name| file.to_string_lossy().starts_with(&format!(".{name}."))))
        .collect();
    for name in halves.iter().map(OsString::as_os_str).chain(names.iter().map(OsStr::new)) {
        let path = folder.join(name);
        if path.is_dir() {
            remove_all(&path)?;
        } else {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != NotFound => {
                    return Err(at("remove", &path)(error));
                }
                _ => {}
            }
        }
    }
    match fs::remove_dir(folder) {
        // A disk of its own stays where it is mounted.
        Err(error) if !matches!(error.kind(), NotFound | DirectoryNotEmpty | ResourceBusy) => {
            Err(at("remove", folder)(error))
        }
        _ => Ok(()),
    }
}

/// Every regular file below `folder`, sorted, as paths relative to it.
pub(crate) fn list(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(current) = open.pop() {
        for entry in fs::read_dir(&current).map_err(at("read", &current))? {
            let entry = entry.map_err(at("read", &current))?;
            let kind = entry.file_type().map_err(at("read", &current))?;
            if kind.is_dir() {
                open.push(entry.path());
            } else if let Ok(relative) = entry.path().strip_prefix(folder) {
                found.push(relative.to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Lower-case hex of the SHA-256 of what `feed` writes.
pub(crate) fn sha256(feed: impl FnOnce(&mut Sha256)) -> String {
    let mut hash = Sha256::new();
    feed(&mut hash);
    hex(&hash.finalize())
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Feeds a field so that two neighbouring fields cannot be mistaken for one.
pub(crate) fn feed(hash: &mut Sha256, field: impl AsRef<[u8]>) {
    hash.update((field.as_ref().len() as u64).to_le_bytes());
    hash.update(field.as_ref());
}

/// Bytes nobody can guess, from the kernel.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], FileError> {
    let path = Path::new("/dev/urandom");
    let mut bytes = [0; N];
    let mut file = fs::File::open(path).map_err(at("open", path))?;
    io::Read::read_exact(&mut file, &mut bytes).map_err(at("read", path))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_written_file_is_for_root_only_and_says_whether_it_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/secret");
        assert!(write(&path, "one").unwrap());
        assert!(!write(&path, "one").unwrap());
        assert!(write(&path, "two").unwrap());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(list(folder.path()).unwrap(), [PathBuf::from("new/secret")]);
    }

    #[test]
    fn what_is_not_ours_stays() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        write(&home.join("pki/ca.crt"), "ours").unwrap();
        write(&home.join("hub.json"), "ours").unwrap();
        write(&home.join(".hub.json.42"), "half").unwrap();
        write(&home.join("thesis.txt"), "theirs").unwrap();
        remove_entries(&home, &["pki", "hub.json", "absent"]).unwrap();
        assert_eq!(list(&home).unwrap(), [PathBuf::from("thesis.txt")]);
        remove_entries(&home, &["thesis.txt"]).unwrap();
        assert!(!home.exists());
    }

    #[test]
    fn removing_what_is_not_there_is_fine() {
        remove_all(Path::new("/nonexistent/testbed")).unwrap();
    }
}
