//! The rules of `governance.access`.

use super::Checker;
use crate::app::{Access, ApiKey};
use crate::path::Path;
use crate::raw::access::{RawAccess, RawApiKey};

const DIGEST: &str = "64 hexadecimal digits: the SHA-256 of the key";

pub(super) fn validate(raw: RawAccess, checker: &mut Checker<'_>) -> Access {
    let list = Path::of_keys("governance.access.api_keys");
    let names = raw
        .api_keys
        .iter()
        .enumerate()
        .filter(|(_, key)| !ApiKey::is_key(&key.name))
        .map(|(index, key)| (list.index(index).key("name"), key.name.as_str()));
    checker.unique("key name", names);
    let mut keys: Vec<ApiKey> = Vec::new();
    for (index, raw) in raw.api_keys.into_iter().enumerate() {
        let entry = list.index(index);
        check_name(&raw, &entry, checker);
        let path = entry.key("sha256");
        let Some(sha256) = digest(&raw, &path, checker) else {
            continue;
        };
        if let Some(first) = keys.iter().find(|known| known.sha256 == sha256) {
            checker.conflict(
                &path,
                format!("`{}` and `{}` have the same key", first.name, raw.name),
                "every key once",
                "make another key with `mcpg key new`",
            );
        }
        keys.push(ApiKey {
            name: raw.name,
            sha256,
        });
    }
    Access {
        allow_anonymous: raw.allow_anonymous,
        api_keys: keys,
    }
}

fn check_name(raw: &RawApiKey, entry: &Path, checker: &mut Checker<'_>) {
    if ApiKey::is_key(&raw.name) {
        checker.conflict(
            &entry.key("name"),
            "this is a key itself, not a name",
            ApiKey::NAMES,
            "put a name here that may be shown, and the SHA-256 of the key under `sha256`; make a new key, since this one was written down",
        );
    }
}

fn digest(raw: &RawApiKey, path: &Path, checker: &mut Checker<'_>) -> Option<[u8; 32]> {
    if raw.sha256.starts_with(ApiKey::PREFIX) {
        checker.conflict(
            path,
            "this is the key itself",
            DIGEST,
            "put its SHA-256 here: `mcpg key new` prints it, and so does `printf %s KEY | sha256sum`; better make a new key, since this one was written down",
        );
        return None;
    }
    let digest = from_hexadecimal(&raw.sha256);
    if digest.is_none() {
        checker.invalid(path, "not a SHA-256", DIGEST);
    }
    digest
}

fn from_hexadecimal(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
    bytes.try_into().ok()
}
