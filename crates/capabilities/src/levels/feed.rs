//! The feed: which change was the last one of what.

use indexmap::IndexMap;

use super::level::{Level, Raised, Wants};
use crate::random;
use crate::store::{Fields, FormatError, Nonces, Record};

/// How many resources the feed remembers at the most.
const MAX_URIS: usize = 10_000;
/// How many bytes their URIs may have together.
const MAX_URI_BYTES: usize = 256 * 1024;

/// No feed starts below this, so what is smaller lies outside of every feed.
const FIRST_START: u64 = 1 << 40;

/// The last changes of everything, by number. Within the record changes are counted from 1, so that it stays small;
/// to everybody else they have the random start of the feed added.
#[derive(Clone, Debug)]
pub struct Feed {
    /// The incarnation of the coordinator's data that the feed was started in.
    incarnation: u64,
    /// What positions count from.
    start: u64,
    /// Whoever was told only up to before this was not told everything.
    base: u64,
    /// The number of the last change.
    last: u64,
    tools: u64,
    prompts: u64,
    resources: u64,
    /// From the one that changed longest ago to the one that changed last.
    uris: IndexMap<String, u64>,
    uri_bytes: usize,
    nonces: Nonces,
    unknown: Fields,
}

/// Something that somebody has to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Up to where he was told when he was told this, and everything before it.
    pub position: u64,
    /// What to tell.
    pub level: Level,
}

impl Feed {
    /// A feed in which nothing has happened yet.
    pub(super) fn started(incarnation: u64) -> Self {
        Self {
            incarnation,
            // Far from every other life, and from the end of what can be counted.
            start: (u64::from_be_bytes(random::bytes()) >> 2) | FIRST_START,
            base: 0,
            last: 0,
            tools: 0,
            prompts: 0,
            resources: 0,
            uris: IndexMap::new(),
            uri_bytes: 0,
            nonces: Nonces::default(),
            unknown: Fields::default(),
        }
    }

    /// The number of the last change.
    pub fn last(&self) -> u64 {
        self.start + self.last
    }

    /// The incarnation of the coordinator's data that the feed was started in.
    pub(super) fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// Whether the feed was started before the coordinator lost data that this replica knows to be lost.
    pub(super) fn is_older_than(&self, incarnation: u64) -> bool {
        self.incarnation < incarnation
    }

    /// Whether everything up to `position` is part of this feed and what came after it can be told.
    pub(super) fn covers(&self, position: u64) -> bool {
        self.told_up_to(position).is_some()
    }

    /// The number within the record up to which somebody at `position` was told, if that can be said.
    fn told_up_to(&self, position: u64) -> Option<u64> {
        let number = position.checked_sub(self.start)?;
        (self.base..=self.last).contains(&number).then_some(number)
    }

    /// Gives everything in `raised` a number of its own.
    pub(super) fn raise(&mut self, raised: &Raised) {
        let lists = [
            (raised.tools, &mut self.tools),
            (raised.prompts, &mut self.prompts),
            (raised.resources, &mut self.resources),
        ];
        for (is_raised, list) in lists {
            if is_raised {
                self.last += 1;
                *list = self.last;
            }
        }
        for uri in &raised.uris {
            if self.uris.shift_remove(uri).is_none() {
                self.uri_bytes += uri.len();
            }
            self.last += 1;
            self.uris.insert(uri.clone(), self.last);
        }
        self.drop_oldest();
    }

    fn drop_oldest(&mut self) {
        while self.uris.len() > MAX_URIS || self.uri_bytes > MAX_URI_BYTES {
            let Some((uri, changed)) = self.uris.shift_remove_index(0) else {
                return;
            };
            self.uri_bytes -= uri.len();
            self.base = self.base.max(changed);
        }
    }

    /// What is newer than `position` of what is wanted, in the order of the changes; everything, where nobody can tell
    /// what that is.
    pub fn since(&self, position: u64, wants: Wants<'_>) -> Vec<Due> {
        match self.told_up_to(position) {
            Some(told) => self.newer_than(told, wants),
            None => self.everything(wants),
        }
    }

    fn newer_than(&self, told: u64, wants: Wants<'_>) -> Vec<Due> {
        let resources = wants.uris.iter().filter_map(|uri| {
            let changed = *self.uris.get(uri)?;
            Some((changed, Level::Resource(uri.clone())))
        });
        let mut due: Vec<Due> = self
            .lists(wants)
            .chain(resources)
            .filter(|(changed, _)| *changed > told)
            .map(|(changed, level)| Due {
                position: self.start + changed,
                level,
            })
            .collect();
        due.sort_unstable_by_key(|due| due.position);
        due
    }

    /// Everything that is wanted. Only who was told the last of it was told everything, so all others have positions that
    /// lie outside of every feed.
    fn everything(&self, wants: Wants<'_>) -> Vec<Due> {
        let levels = self
            .lists(wants)
            .map(|(_, level)| level)
            .chain(wants.uris.iter().cloned().map(Level::Resource));
        let outside = u64::from(u32::from_be_bytes(random::bytes()));
        let mut due: Vec<Due> = (outside..)
            .zip(levels)
            .map(|(position, level)| Due { position, level })
            .collect();
        if let Some(last) = due.last_mut() {
            last.position = self.last();
        }
        due
    }

    fn lists(&self, wants: Wants<'_>) -> impl Iterator<Item = (u64, Level)> {
        [
            (wants.tools, self.tools, Level::Tools),
            (wants.prompts, self.prompts, Level::Prompts),
            (wants.resources, self.resources, Level::Resources),
        ]
        .into_iter()
        .filter(|(is_wanted, ..)| *is_wanted)
        .map(|(_, changed, level)| (changed, level))
    }
}

impl Record for Feed {
    fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut fields = Fields::read(bytes)?;
        let uris: IndexMap<String, u64> = fields.take("uris")?.unwrap_or_default();
        Ok(Self {
            incarnation: fields.require("incarnation")?,
            start: fields.require("start")?,
            base: fields.require("base")?,
            last: fields.require("last")?,
            tools: fields.require("tools")?,
            prompts: fields.require("prompts")?,
            resources: fields.require("resources")?,
            uri_bytes: uris.keys().map(String::len).sum(),
            uris,
            nonces: fields.take("nonces")?.unwrap_or_default(),
            unknown: fields,
        })
    }

    fn encode(&self, format: u32) -> Result<Vec<u8>, FormatError> {
        let mut fields = Fields::write(format);
        fields.put("incarnation", &self.incarnation)?;
        fields.put("start", &self.start)?;
        fields.put("base", &self.base)?;
        fields.put("last", &self.last)?;
        fields.put("tools", &self.tools)?;
        fields.put("prompts", &self.prompts)?;
        fields.put("resources", &self.resources)?;
        if !self.uris.is_empty() {
            fields.put("uris", &self.uris)?;
        }
        fields.put("nonces", &self.nonces)?;
        fields.extend(&self.unknown);
        fields.into_bytes()
    }

    fn nonces(&self) -> &Nonces {
        &self.nonces
    }

    fn nonces_mut(&mut self) -> &mut Nonces {
        &mut self.nonces
    }
}
