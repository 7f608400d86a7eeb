//! The end of a file, to which lines are added.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Access for the owner only: what is written about calls is nobody else's business.
const MODE: u32 = 0o600;

/// A file that is written at its end.
#[derive(Debug)]
pub(super) struct EndOfFile {
    path: PathBuf,
    file: File,
    /// Which file it is, and how long it was after the last write.
    identity: (u64, u64),
    length: u64,
}

/// What was found at the end of a file that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// The place where the last write ended.
    SamePlace,
    /// The beginning of a line.
    NewLine,
    /// A line that somebody did not write to its end.
    HalfALine,
}

impl EndOfFile {
    /// Opens or makes a file.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Found)> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(MODE)
            .open(path)?;
        let metadata = file.metadata()?;
        let found = if metadata.is_file() && metadata.len() > 0 && !ends_a_line(path).unwrap_or(true) {
            Found::HalfALine
        } else {
            Found::NewLine
        };
        let opened = Self {
            path: path.to_owned(),
            file,
            identity: identity(&metadata),
            length: metadata.len(),
        };
        Ok((opened, found))
    }

    /// Opens what stands at the path now, which may be another file.
    pub(super) fn open_again(&mut self) -> io::Result<Found> {
        let (now, found) = Self::open(&self.path)?;
        let is_same = now.identity == self.identity && now.length == self.length;
        *self = now;
        Ok(if is_same { Found::SamePlace } else { found })
    }

    /// Makes durable what was written.
    pub(super) fn sync(&self) -> io::Result<()> {
        match self.file.sync_data() {
            // A pipe or a terminal has nothing to sync.
            Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
            synced => synced,
        }
    }
}

impl io::Write for EndOfFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn ends_a_line(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}
