//! The rules of `mcp.configurations`.

use std::time::Duration;

use super::Checker;
use crate::app::{Bus, Cluster, Configurations, Delivery, Store, Subscriptions};
use crate::path::Path;
use crate::raw::configurations::{RawBus, RawConfigurations, RawDelivery, RawStore, RawSubscriptions};

/// A capability whose place may be chosen, and what is lost when it is pinned to a replica.
struct Capability {
    name: &'static str,
    /// The key beside it that names the place.
    place: &'static str,
    /// The rest of a sentence that begins with the name of the capability.
    is_pinned: &'static str,
    /// What the other replicas cannot do then.
    loss: &'static str,
    remedy: &'static str,
}

const TO_ONE_REPLICA: &str = "let the balancer send each client to one replica only";

const SESSIONS: Capability = Capability {
    name: "sessions",
    place: "store",
    is_pinned: "are pinned to the replica that opened them",
    loss: "every other replica answers them with 404",
    remedy: TO_ONE_REPLICA,
};

const DELIVERY: Capability = Capability {
    name: "delivery",
    place: "bus",
    is_pinned: "is pinned to the replica that a stream began at",
    loss: "no other replica can resume the stream, answer its questions or cancel its call, and what lies in it is lost with that replica",
    remedy: TO_ONE_REPLICA,
};

const CANCELLATION: Capability = Capability {
    name: "cancellation",
    place: "bus",
    is_pinned: "is pinned to the replica that a cancel arrives at",
    loss: "a call that runs at another replica is not cancelled",
    remedy: TO_ONE_REPLICA,
};

const SUBSCRIPTIONS: Capability = Capability {
    name: "subscriptions",
    place: "store",
    is_pinned: "are pinned to the replica that took them",
    loss: "each replica subscribes upstream for itself, and what a dead one was subscribed to is not heard of any more",
    remedy: "let clients subscribe again whenever a replica has died",
};

pub(super) fn validate(
    raw: RawConfigurations,
    cluster: &Cluster,
    checker: &mut Checker<'_>,
) -> Option<Configurations> {
    let mut places = Places { cluster, checker };
    let sessions = places.store(&SESSIONS, raw.sessions.store);
    let delivery = places.delivery(&raw.delivery);
    let cancellation = places.bus(&CANCELLATION, &raw.cancellation.bus);
    let subscriptions = places.subscriptions(raw.subscriptions);
    if let (
        Some(Store::File { dir: first }),
        Some(Subscriptions {
            store: Store::File { dir },
            ..
        }),
    ) = (&sessions, &subscriptions)
        && first == dir
    {
        places.refuse_folder();
    }
    Some(Configurations {
        sessions: sessions?,
        delivery: delivery?,
        cancellation: cancellation?,
        subscriptions: subscriptions?,
    })
}

impl Capability {
    fn block(&self) -> Path {
        Path::of_keys("mcp.configurations").key(self.name)
    }

    fn path(&self) -> Path {
        self.block().key(self.place)
    }
}

struct Places<'p, 'c> {
    cluster: &'p Cluster,
    checker: &'p mut Checker<'c>,
}

impl Places<'_, '_> {
    fn store(&mut self, capability: &Capability, raw: RawStore) -> Option<Store> {
        let path = capability.path();
        let dir = path.key("dir");
        let store = match (raw.kind.as_str(), raw.dir) {
            ("file", Some(folder)) if !folder.as_os_str().is_empty() => Store::File {
                dir: self.checker.resolve(&dir, &folder),
            },
            ("file", _) => {
                self.checker.conflict(
                    &path,
                    "a store of the kind `file` needs a folder",
                    "`kind: file` and `dir`",
                    format!(
                        "add `dir`: a folder that only this process uses, such as /var/lib/mcpg/{}",
                        capability.name
                    ),
                );
                return None;
            }
            ("cluster", None) => Store::Cluster,
            ("memory", None) => Store::Memory,
            ("cluster" | "memory", Some(_)) => {
                self.checker.conflict(
                    &dir,
                    format!("a store of the kind `{}` has no folder", raw.kind),
                    "`dir` beside `kind: file` only",
                    "remove `dir`, or set `kind: file`",
                );
                return None;
            }
            (kind, _) => {
                self.refuse_kind(capability, kind, "`cluster`, `memory` or `file`");
                return None;
            }
        };
        self.warn_of_pin(capability, store.kind());
        Some(store)
    }

    fn refuse_folder(&mut self) {
        self.checker.conflict(
            &SUBSCRIPTIONS.path().key("dir"),
            "the sessions are kept in this folder, and a folder serves one store",
            "a folder of its own",
            "name another folder",
        );
    }

    fn bus(&mut self, capability: &Capability, raw: &RawBus) -> Option<Bus> {
        let bus = match raw.kind.as_str() {
            "cluster" => Bus::Cluster,
            "memory" => Bus::Memory,
            kind => {
                self.refuse_kind(capability, kind, "`cluster` or `memory`");
                return None;
            }
        };
        self.warn_of_pin(capability, bus.kind());
        Some(bus)
    }

    fn delivery(&mut self, raw: &RawDelivery) -> Option<Delivery> {
        if raw.bytes_per_principal < raw.max_bytes {
            self.refuse_limits(raw);
            return None;
        }
        Some(Delivery {
            bus: self.bus(&DELIVERY, &raw.bus)?,
            max_events: u64::from(raw.max_events),
            max_bytes: raw.max_bytes,
            max_age: Duration::from_millis(raw.max_age_ms),
            bytes_per_principal: raw.bytes_per_principal,
        })
    }

    /// The mistake is shown where something is written, since either may be a default.
    fn refuse_limits(&mut self, raw: &RawDelivery) {
        let of_all = DELIVERY.block().key("bytes_per_principal");
        let of_one = DELIVERY.block().key("max_bytes");
        let message = format!(
            "one stream of a client may keep more than all of its streams together: `max_bytes` is {}, `bytes_per_principal` is {}",
            raw.max_bytes, raw.bytes_per_principal
        );
        if self.checker.is_written(&of_all) {
            let remedy = "raise it, or lower `max_bytes`";
            self.checker
                .conflict(&of_all, message, "`max_bytes` or more", remedy);
        } else {
            let remedy = "lower it, or raise `bytes_per_principal`";
            self.checker
                .conflict(&of_one, message, "`bytes_per_principal` or less", remedy);
        }
    }

    fn subscriptions(&mut self, raw: RawSubscriptions) -> Option<Subscriptions> {
        Some(Subscriptions {
            store: self.store(&SUBSCRIPTIONS, raw.store)?,
            max_per_session: usize::try_from(raw.max_per_session).unwrap_or(usize::MAX),
        })
    }

    /// Every backend is reached in one way: as the coordinator.
    fn refuse_kind(&mut self, capability: &Capability, kind: &str, allowed: &str) {
        let Capability { name, place, .. } = capability;
        let remedy = if is_word(kind) && !["file", Cluster::SINGLE_NODE].contains(&kind) {
            format!("to keep {name} in {kind}, set `cluster.kind: {kind}` and leave the {place} at `cluster`")
        } else {
            format!("leave it at `cluster` to keep {name} in the coordinator that `cluster.kind` names")
        };
        self.checker.conflict(
            &capability.path().key("kind"),
            format!("there is no {place} of this kind for {name}"),
            allowed,
            remedy,
        );
    }

    /// A process that is alone loses nothing.
    fn warn_of_pin(&mut self, capability: &Capability, chosen: &str) {
        if chosen == Store::Cluster.kind() || self.cluster.is_single_node() {
            return;
        }
        let Capability {
            name,
            place,
            is_pinned,
            loss,
            remedy,
        } = capability;
        let kind = &self.cluster.kind;
        self.checker.warn(
            &capability.path().key("kind"),
            format!("{name} {is_pinned} (`{chosen}`) though `cluster.kind` is `{kind}`: {loss}"),
            format!("remove `mcp.configurations.{name}.{place}`, or {remedy}"),
        );
    }
}

fn is_word(kind: &str) -> bool {
    kind.starts_with(|first: char| first.is_ascii_lowercase())
        && kind
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
