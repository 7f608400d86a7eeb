//! What the writer and the readers share.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use redb::{Database, ReadableDatabase as _};

use crate::clock::WallClock;
use crate::error::OpenError;
use crate::layout::{ENTRIES, EXPIRIES, FORMAT, NUMBERS, PRESENT_FORMAT};
use crate::lock;

const FILE: &str = "records.redb";

/// The database and the right to use it.
pub(crate) struct Shared {
    pub(crate) database: Database,
    pub(crate) clock: WallClock,
    /// Whether the last attempt to write has failed.
    pub(crate) is_failing: AtomicBool,
    /// Given back after the database was closed: fields are dropped in this order.
    _lock: File,
}

impl Shared {
    pub(crate) fn open(folder: &Path) -> Result<Self, OpenError> {
        let lock = lock::take(folder)?;
        let path = folder.join(FILE);
        lock::open(&path).map_err(|error| OpenError::broken(folder, error))?;
        let database = Database::create(&path).map_err(|error| OpenError::broken(folder, error))?;
        prepare(&database, folder)?;
        lock::sync_folder(folder).map_err(|error| OpenError::broken(folder, error))?;
        Ok(Self {
            database,
            clock: WallClock::new(),
            is_failing: AtomicBool::new(false),
            _lock: lock,
        })
    }
}

/// Makes the tables of a new database, and refuses one that is newer than this code.
fn prepare(database: &Database, folder: &Path) -> Result<(), OpenError> {
    let broken = |error: redb::Error| OpenError::broken(folder, error);
    if let Some(format) = format(database).map_err(broken)? {
        if format > PRESENT_FORMAT {
            return Err(OpenError::Later {
                folder: folder.to_owned(),
                format,
            });
        }
        return Ok(());
    }
    make_tables(database).map_err(broken)
}

fn format(database: &Database) -> Result<Option<u64>, redb::Error> {
    let read = database.begin_read()?;
    match read.open_table(NUMBERS) {
        Ok(numbers) => Ok(numbers.get(FORMAT)?.map(|format| format.value())),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn make_tables(database: &Database) -> Result<(), redb::Error> {
    let write = database.begin_write()?;
    write.open_table(ENTRIES)?;
    write.open_table(EXPIRIES)?;
    write.open_table(NUMBERS)?.insert(FORMAT, PRESENT_FORMAT)?;
    write.commit()?;
    Ok(())
}
