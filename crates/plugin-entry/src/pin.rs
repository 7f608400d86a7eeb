//! The pin of a library: the hash that its file must have.

use std::path::Path;
use std::{fs, io};

use sha2::{Digest as _, Sha256};

/// Why a file is not the pinned one.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) message: String,
    pub(crate) remedy: String,
}

/// Compares the SHA-256 of a file with the pin, in lower-case hexadecimal digits.
pub(crate) fn check(path: &Path, wanted: &str) -> Result<(), Wrong> {
    let found = hash(path).map_err(|error| Wrong {
        message: format!("{} cannot be read: {error}", path.display()),
        remedy: "make the file readable".to_owned(),
    })?;
    if found == wanted {
        return Ok(());
    }
    Err(Wrong {
        message: format!(
            "{} is another file than the pinned one: its SHA-256 is {found}",
            path.display()
        ),
        remedy: "put the pinned file there, or correct the pin if this file is meant".to_owned(),
    })
}

fn hash(path: &Path) -> io::Result<String> {
    let digest = Sha256::digest(fs::read(path)?);
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_with_another_hash_is_refused_with_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("library");
        fs::write(&path, "abc").unwrap();
        let of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        check(&path, of_abc).unwrap();
        let wrong = check(&path, &of_abc.replace('b', "c")).unwrap_err();
        assert!(wrong.message.contains(of_abc), "{}", wrong.message);
        assert!(check(&folder.path().join("none"), of_abc).is_err());
    }
}
