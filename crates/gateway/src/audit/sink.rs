//! Where lines go, and what has not got there yet.

use std::io;

use mcpg_config::app::AuditSink;

use super::file::{EndOfFile, Found};

/// A sink and the lines that are on their way into it.
#[derive(Debug)]
pub(super) struct Sink {
    place: AuditSink,
    /// `None` for standard error, and for a file that could not be opened.
    file: Option<EndOfFile>,
    /// Whole lines.
    pending: Vec<u8>,
    /// How much of them was written.
    written: usize,
    /// Whether a line that somebody left half written must be ended first.
    ends_half_a_line: bool,
    is_synced: bool,
}

impl Sink {
    /// Opens a sink. One that cannot be opened can be used all the same, and is opened again at each attempt to write.
    pub(super) fn open(place: AuditSink) -> (Self, io::Result<()>) {
        let mut sink = Self {
            place,
            file: None,
            pending: Vec::new(),
            written: 0,
            ends_half_a_line: false,
            is_synced: true,
        };
        let opened = sink.open_again();
        (sink, opened)
    }

    /// Where the lines go, for messages.
    pub(super) fn name(&self) -> String {
        match &self.place {
            AuditSink::File(path) => path.display().to_string(),
            AuditSink::Stderr => "stderr".to_owned(),
        }
    }

    /// Where whole lines are to be added.
    pub(super) fn pending(&mut self) -> &mut Vec<u8> {
        &mut self.pending
    }

    /// How many lines are not written whole.
    pub(super) fn lines_left(&self) -> u64 {
        let left = &self.pending[self.written..];
        left.iter().map(|&byte| u64::from(byte == b'\n')).sum()
    }

    /// Gives up what is pending.
    pub(super) fn give_up(&mut self) {
        self.pending.clear();
        self.written = 0;
    }

    /// Opens what stands at the path now: after a rotation another file, after a full disk the same. A line of which a
    /// part was written to another file is written anew.
    pub(super) fn open_again(&mut self) -> io::Result<()> {
        let AuditSink::File(path) = &self.place else {
            return Ok(());
        };
        let found = match &mut self.file {
            Some(file) => file.open_again()?,
            none => {
                let (file, found) = EndOfFile::open(path)?;
                *none = Some(file);
                found
            }
        };
        if found != Found::SamePlace {
            let line = self.pending[..self.written]
                .iter()
                .rposition(|&byte| byte == b'\n');
            self.written = line.map_or(0, |end| end + 1);
            self.ends_half_a_line = found == Found::HalfALine;
        }
        Ok(())
    }

    /// Writes what is pending, from where the last attempt ended, and makes it durable.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self.place {
            AuditSink::Stderr => self.write_to(&mut io::stderr().lock()),
            AuditSink::File(_) => {
                let Some(mut file) = self.file.take() else {
                    return Err(io::Error::other("it is not open"));
                };
                let written = self.write_to(&mut file);
                let synced = written.and_then(|()| self.sync(&file));
                self.file = Some(file);
                synced
            }
        }
    }

    fn write_to(&mut self, place: &mut impl io::Write) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.is_synced = false;
        if self.ends_half_a_line {
            place.write_all(b"\n")?;
            self.ends_half_a_line = false;
        }
        while self.written < self.pending.len() {
            match place.write(&self.pending[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.give_up();
        Ok(())
    }

    fn sync(&mut self, file: &EndOfFile) -> io::Result<()> {
        if !self.is_synced {
            file.sync()?;
            self.is_synced = true;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
