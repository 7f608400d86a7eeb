//! The values that a URI gives to the variables of a template.

use std::collections::HashSet;

use percent_encoding::percent_decode_str;

use super::{Part, UriTemplate, Variable};

/// Looks for one way in which the template produces the URI; values are as long as they can be.
struct Search<'t> {
    parts: &'t [Part],
    uri: &'t [u8],
    /// Places from which there is no way to the end; with them the search takes no exponential time.
    dead: HashSet<(usize, usize)>,
    /// Where the value of each expression stands, without its leading character.
    values: Vec<Option<(usize, usize)>>,
}

impl UriTemplate {
    /// The decoded values of the variables, in order; `None` when the template cannot produce the URI.
    ///
    /// A variable that the URI leaves out is left out here too. Query, fragment and path parameter expressions give
    /// their `name=value` pairs; a list of several variables in one expression takes its values in order.
    #[must_use]
    pub fn captures(&self, uri: &str) -> Option<Vec<(String, String)>> {
        if !self.matches(uri) {
            return None;
        }
        let mut search = Search {
            parts: &self.parts,
            uri: uri.as_bytes(),
            dead: HashSet::new(),
            values: Vec::new(),
        };
        if !search.from(0, 0) {
            return None;
        }
        let mut captured = Vec::new();
        let mut names = self.variables.iter();
        let variables = self.parts.iter().filter_map(|part| match part {
            Part::Variable(variable) => Some(variable),
            Part::Byte(_) => None,
        });
        for (variable, value) in variables.zip(search.values) {
            let names: Vec<&String> = names.by_ref().take(variable.names).collect();
            let value = value.and_then(|(start, end)| uri.get(start..end));
            variable.assign(&names, value, &mut captured);
        }
        Some(captured)
    }
}

impl Search<'_> {
    fn from(&mut self, mut part: usize, mut at: usize) -> bool {
        while let Some(Part::Byte(byte)) = self.parts.get(part) {
            if self.uri.get(at) != Some(byte) {
                return false;
            }
            part += 1;
            at += 1;
        }
        let Some(Part::Variable(variable)) = self.parts.get(part).copied() else {
            return at == self.uri.len();
        };
        if self.dead.contains(&(part, at)) {
            return false;
        }
        let depth = self.values.len();
        let start = match variable.lead {
            Some(lead) if self.uri.get(at) == Some(&lead) => Some(at + 1),
            Some(_) => None,
            None => Some(at),
        };
        if let Some(start) = start {
            let rest = &self.uri[start..];
            let slash = rest
                .iter()
                .position(|byte| *byte == b'/')
                .filter(|_| !variable.slashes);
            let longest = start + slash.unwrap_or(rest.len());
            for end in (start + 1..=longest).rev() {
                self.values.push(Some((start, end)));
                if self.from(part + 1, end) {
                    return true;
                }
                self.values.truncate(depth);
            }
        }
        if variable.optional {
            self.values.push(None);
            if self.from(part + 1, at) {
                return true;
            }
            self.values.truncate(depth);
        }
        self.dead.insert((part, at));
        false
    }
}

impl Variable {
    fn assign(self, names: &[&String], value: Option<&str>, captured: &mut Vec<(String, String)>) {
        let Some(value) = value else { return };
        let pairs = matches!(self.lead, Some(b'?' | b'&' | b';'));
        let separator = match self.lead {
            Some(b'?' | b'&') => '&',
            Some(b';') => ';',
            Some(b'/') if self.slashes && names.len() > 1 => '/',
            _ => ',',
        };
        if pairs {
            for pair in value.split(separator) {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                if names.iter().any(|known| known.as_str() == name) {
                    captured.push((name.to_owned(), decoded(value)));
                }
            }
        } else if let [only] = names {
            captured.push(((*only).clone(), decoded(value)));
        } else {
            for (name, value) in names.iter().zip(value.split(separator)) {
                captured.push(((*name).clone(), decoded(value)));
            }
        }
    }
}

fn decoded(value: &str) -> String {
    percent_decode_str(value).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn captures(template: &str, uri: &str) -> Option<Vec<(String, String)>> {
        UriTemplate::parse(template).unwrap().captures(uri)
    }

    fn pairs(expected: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
        Some(
            expected
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn values_are_decoded_and_named() {
        assert_eq!(
            captures("notes://{id}/x", "notes://a%20b/x"),
            pairs(&[("id", "a b")])
        );
        assert_eq!(
            captures("f:///{+path}", "f:///a/b.txt"),
            pairs(&[("path", "a/b.txt")])
        );
        assert_eq!(
            captures("x:{a}-{b}", "x:1-2-3"),
            pairs(&[("a", "1-2"), ("b", "3")])
        );
        assert_eq!(captures("x:{a,b}", "x:1,2"), pairs(&[("a", "1"), ("b", "2")]));
        assert_eq!(captures("plain", "plain"), pairs(&[]));
        assert_eq!(captures("x:{a}", "y:1"), None);
    }

    #[test]
    fn query_expressions_give_the_pairs_that_are_there() {
        assert_eq!(
            captures("x:a{?q,r}", "x:a?r=%2F&q=1"),
            pairs(&[("r", "/"), ("q", "1")])
        );
        assert_eq!(captures("x:a{?q,r}", "x:a"), pairs(&[]));
        assert_eq!(captures("x:a{?q}", "x:a?z=1"), pairs(&[]));
    }

    #[test]
    fn hostile_templates_do_not_blow_up() {
        let template = format!("{}!", "{+a}".repeat(32));
        assert_eq!(captures(&template, &"a".repeat(400)), None);
        assert!(captures(&template, &format!("{}!", "a".repeat(400))).is_some());
    }
}
