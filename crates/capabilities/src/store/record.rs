//! What a record with several writers has to offer, and how its fields are read and written.
//!
//! A record is a JSON object whose member `format` numbers its layout. A replica of an older release keeps the
//! members that it does not know when it rewrites a record of a newer one.

use indexmap::IndexMap;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};

use super::nonces::Nonces;

/// The layouts of records, as numbers that grow with the releases.
pub struct Format;

impl Format {
    /// The newest layout that this release writes.
    pub const NATIVE: u32 = 1;
    /// The newest layout that this release still reads: one release ahead.
    pub const READ: u32 = Self::NATIVE + 1;
}

/// A record that several replicas may write.
pub trait Record: Clone + Send + Sync {
    /// Reads a record.
    ///
    /// # Errors
    /// [`FormatError`] when the bytes are no such record or of a release too far ahead.
    fn decode(bytes: &[u8]) -> Result<Self, FormatError>;

    /// Writes the record in the layout `format`, unknown members included.
    ///
    /// # Errors
    /// [`FormatError`] when a member cannot be written as JSON.
    fn encode(&self, format: u32) -> Result<Vec<u8>, FormatError>;

    /// The marks of the last writes.
    fn nonces(&self) -> &Nonces;

    /// The marks of the last writes, to add one.
    fn nonces_mut(&mut self) -> &mut Nonces;
}

/// A stored record cannot be read or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum FormatError {
    /// The record was written by a release that is too far ahead of this one.
    TooNew {
        /// The layout of the record.
        found: u32,
    },
    /// The record is not what this kind of record looks like.
    Malformed(String),
}

impl std::fmt::Display for FormatError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooNew { found } => write!(
                formatter,
                "a stored record has format {found}, this release reads up to {}: upgrade this replica",
                Format::READ
            ),
            Self::Malformed(why) => write!(formatter, "a stored record cannot be read: {why}"),
        }
    }
}

impl std::error::Error for FormatError {}

/// The members of a record while it is read or written.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    format: u32,
    members: IndexMap<String, Box<RawValue>>,
}

impl Fields {
    /// Splits a stored record into its members and checks its format.
    ///
    /// # Errors
    /// [`FormatError`] when it is no JSON object, has no format, or one too far ahead.
    pub fn read(bytes: &[u8]) -> Result<Self, FormatError> {
        let members = serde_json::from_slice(bytes).map_err(malformed)?;
        let mut fields = Self { format: 0, members };
        let found: u32 = fields
            .take("format")?
            .ok_or_else(|| FormatError::Malformed("it has no format".to_owned()))?;
        if found > Format::READ {
            return Err(FormatError::TooNew { found });
        }
        fields.format = found;
        Ok(fields)
    }

    /// Starts a record to be written in the layout `format`.
    pub fn write(format: u32) -> Self {
        Self {
            format,
            members: IndexMap::new(),
        }
    }

    /// Takes one member out; absent is `None`.
    ///
    /// # Errors
    /// [`FormatError::Malformed`] when it has another type.
    pub fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, FormatError> {
        self.members
            .shift_remove(name)
            .map(|raw| serde_json::from_str(raw.get()))
            .transpose()
            .map_err(|error| FormatError::Malformed(format!("member {name}: {error}")))
    }

    /// Takes out a member that every record of this kind has.
    ///
    /// # Errors
    /// [`FormatError::Malformed`] when it is absent or has another type.
    pub fn require<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, FormatError> {
        self.take(name)?
            .ok_or_else(|| FormatError::Malformed(format!("member {name} is missing")))
    }

    /// Adds one member.
    ///
    /// # Errors
    /// [`FormatError::Malformed`] when it cannot be written as JSON.
    pub fn put<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), FormatError> {
        let raw = to_raw_value(value).map_err(malformed)?;
        self.members.insert(name.to_owned(), raw);
        Ok(())
    }

    /// Adds the members that this release did not know when it read the record. A record of a newer release keeps its
    /// number: with them it still is one.
    pub fn extend(&mut self, unknown: &Self) {
        self.format = self.format.max(unknown.format);
        for (name, value) in &unknown.members {
            self.members.insert(name.clone(), value.clone());
        }
    }

    /// The record as bytes.
    ///
    /// # Errors
    /// [`FormatError::Malformed`] when a member cannot be written as JSON.
    pub fn into_bytes(mut self) -> Result<Vec<u8>, FormatError> {
        let format = self.format;
        self.put("format", &format)?;
        serde_json::to_vec(&self.members).map_err(malformed)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn malformed(error: serde_json::Error) -> FormatError {
    FormatError::Malformed(error.to_string())
}
