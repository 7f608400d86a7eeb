//! URI templates (RFC 6570): which URIs a template can produce, and its variables.

mod captures;

use std::fmt;

/// The most expressions a template may have; they bound how many places a match can be at once.
const MAX_EXPRESSIONS: usize = 32;

/// A parsed URI template.
///
/// A simple expression matches one or more characters other than `/`, which is what servers in practice accept, and
/// more than the letters an expansion would produce. Query, fragment and path parameter expressions may be absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UriTemplate {
    text: String,
    parts: Vec<Part>,
    variables: Vec<String>,
}

/// The text is no URI template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidTemplate(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Byte(u8),
    Variable(Variable),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Variable {
    /// What the value starts with, itself part of the URI.
    lead: Option<u8>,
    slashes: bool,
    optional: bool,
    /// How many variables the expression lists.
    names: usize,
}

/// A place in the template: before a part, or inside the value of a variable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Inside {
    /// The part is not entered.
    No,
    /// Its leading character was read, but no character of the value.
    Lead,
    /// At least one character of the value was read.
    Value,
}

impl UriTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// [`InvalidTemplate`] for unbalanced braces, empty expressions, unknown operators and characters that no variable
    /// name may have.
    pub fn parse(text: &str) -> Result<Self, InvalidTemplate> {
        let mut template = Self {
            text: text.to_owned(),
            parts: Vec::new(),
            variables: Vec::new(),
        };
        let mut rest = text;
        let mut expressions = 0;
        while let Some(open) = rest.find(['{', '}']) {
            template.literal(&rest[..open]);
            let expression = rest[open..]
                .strip_prefix('{')
                .and_then(|after| after.split_once('}'));
            let Some((expression, after)) = expression else {
                return Err(InvalidTemplate(format!("unbalanced braces in {text:?}")));
            };
            template.expression(expression)?;
            expressions += 1;
            if expressions > MAX_EXPRESSIONS {
                return Err(InvalidTemplate(format!(
                    "more than {MAX_EXPRESSIONS} expressions"
                )));
            }
            rest = after;
        }
        template.literal(rest);
        Ok(template)
    }

    /// The template as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names of the variables, in order.
    #[must_use]
    pub fn variables(&self) -> &[String] {
        &self.variables
    }

    /// The number of literal bytes. Of several templates that match, the one with the most is the most specific.
    #[must_use]
    pub fn literal_len(&self) -> usize {
        self.parts
            .iter()
            .filter(|part| matches!(part, Part::Byte(_)))
            .count()
    }

    /// True if the template can produce the URI. Takes time in proportion to the length of the URI.
    #[must_use]
    pub fn matches(&self, uri: &str) -> bool {
        let mut places = Vec::new();
        self.enter(&mut places, 0);
        for byte in uri.bytes() {
            let mut next = Vec::with_capacity(places.len() + 1);
            for (index, inside) in places {
                self.step(&mut next, index, inside, byte);
            }
            if next.is_empty() {
                return false;
            }
            places = next;
        }
        places.contains(&(self.parts.len(), Inside::No))
    }

    fn literal(&mut self, text: &str) {
        self.parts.extend(text.bytes().map(Part::Byte));
    }

    fn expression(&mut self, expression: &str) -> Result<(), InvalidTemplate> {
        let operator = expression.chars().next().filter(char::is_ascii_punctuation);
        let operator = operator.filter(|operator| !matches!(operator, '_' | '%'));
        let (lead, slashes, optional) = match operator {
            None => (None, false, false),
            Some('+') => (None, true, false),
            Some('/') => (Some(b'/'), false, false),
            Some('.') => (Some(b'.'), false, false),
            Some(';') => (Some(b';'), false, true),
            Some('?') => (Some(b'?'), true, true),
            Some('&') => (Some(b'&'), true, true),
            Some('#') => (Some(b'#'), true, true),
            Some(other) => return Err(InvalidTemplate(format!("unknown operator {other:?}"))),
        };
        let names = &expression[operator.map_or(0, char::len_utf8)..];
        let mut explodes = false;
        for name in names.split(',') {
            explodes |= name.ends_with('*');
            self.variables.push(variable_name(name)?.to_owned());
        }
        // Several path segments can come from one expression, either by a list of variables or by an exploded one.
        let slashes = slashes || (lead == Some(b'/') && (explodes || names.contains(',')));
        self.parts.push(Part::Variable(Variable {
            lead,
            slashes,
            optional,
            names: names.split(',').count(),
        }));
        Ok(())
    }

    /// Adds the place before a part, and before the next one too if the part may be absent.
    fn enter(&self, places: &mut Vec<(usize, Inside)>, mut index: usize) {
        loop {
            if places.contains(&(index, Inside::No)) {
                return;
            }
            places.push((index, Inside::No));
            match self.parts.get(index) {
                Some(Part::Variable(variable)) if variable.optional => index += 1,
                _ => return,
            }
        }
    }

    fn step(&self, next: &mut Vec<(usize, Inside)>, index: usize, inside: Inside, byte: u8) {
        match (self.parts.get(index), inside) {
            (Some(Part::Byte(expected)), _) if *expected == byte => self.enter(next, index + 1),
            (Some(Part::Variable(variable)), Inside::No) if variable.lead == Some(byte) => {
                add(next, (index, Inside::Lead));
            }
            (Some(Part::Variable(variable)), _) if variable.takes(inside, byte) => {
                add(next, (index, Inside::Value));
                self.enter(next, index + 1);
            }
            _ => {}
        }
    }
}

impl Variable {
    /// True if the byte can belong to the value at this point.
    fn takes(self, inside: Inside, byte: u8) -> bool {
        (inside != Inside::No || self.lead.is_none()) && (self.slashes || byte != b'/')
    }
}

fn add(places: &mut Vec<(usize, Inside)>, place: (usize, Inside)) {
    if !places.contains(&place) {
        places.push(place);
    }
}

fn variable_name(specification: &str) -> Result<&str, InvalidTemplate> {
    let name = match specification.split_once(':') {
        Some((name, length))
            if (1..=4).contains(&length.len()) && length.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            name
        }
        _ => specification.strip_suffix('*').unwrap_or(specification),
    };
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'%' | b'.' | b'-');
    if name.is_empty() || !name.bytes().all(valid) {
        return Err(InvalidTemplate(format!("{specification:?} is no variable")));
    }
    Ok(name)
}

impl fmt::Display for UriTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Display for InvalidTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "invalid URI template: {}", self.0)
    }
}

impl std::error::Error for InvalidTemplate {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn matches(template: &str, uri: &str) -> bool {
        UriTemplate::parse(template).unwrap().matches(uri)
    }

    #[test]
    fn simple_variables_stop_at_a_slash() {
        let template = "test://template/{id}/data";
        assert!(matches(template, "test://template/123/data"));
        assert!(matches(template, "test://template/a%20b-é/data"));
        for uri in [
            "test://template//data",
            "test://template/1/2/data",
            "test://template/1/dat",
            "test://template/1/datas",
        ] {
            assert!(!matches(template, uri), "{uri}");
        }
        assert!(matches("a{x}b{y}c", "abbbbcc"));
        assert!(!matches("a{x}b{y}c", "abc"));
        assert!(
            matches("plain", "plain") && !matches("plain", "plain2") && !matches("", "x") && matches("", "")
        );
    }

    #[test]
    fn operators_widen_what_matches() {
        assert!(matches("file:///{+path}", "file:///a/b/c.txt") && !matches("file:///{+path}", "file:///"));
        assert!(matches("x:{/a}", "x:/1") && !matches("x:{/a}", "x:/1/2") && !matches("x:{/a}", "x:1"));
        assert!(matches("x:{/a*}", "x:/1/2") && matches("x:{/a,b}", "x:/1/2"));
        assert!(matches("x:a{.ext}", "x:a.txt") && !matches("x:a{.ext}", "x:a"));
        assert!(
            matches("x:a{?q,r}", "x:a?q=1&r=/2")
                && matches("x:a{?q,r}", "x:a")
                && !matches("x:a{?q}", "x:a?")
        );
        assert!(matches("x:a?z=1{&q}", "x:a?z=1&q=2") && matches("x:a{#f}", "x:a#top"));
        assert!(matches("x:{a:3}", "x:abc"));
        assert!(matches("x:{?a}{#b}", "x:") && matches("x:{?a}{#b}", "x:#b"));
    }

    #[test]
    fn variables_are_listed_in_order() {
        let template = UriTemplate::parse("x:{a}/{+b_c,d.e}{?f*,g:12}").unwrap();
        assert_eq!(template.variables(), ["a", "b_c", "d.e", "f", "g"]);
        assert_eq!(
            (template.literal_len(), template.to_string().as_str()),
            (3, template.as_str())
        );
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for text in [
            "{",
            "}",
            "a{b",
            "a}b",
            "{}",
            "{a,}",
            "{+}",
            "{=a}",
            "{a b}",
            "{{a}}",
            "{a:}",
            "{a:12345}",
            "{é}",
        ] {
            assert!(UriTemplate::parse(text).is_err(), "{text}");
        }
        assert!(UriTemplate::parse(&"{a}".repeat(MAX_EXPRESSIONS + 1)).is_err());
    }

    #[test]
    fn hostile_templates_do_not_blow_up() {
        let template = UriTemplate::parse(&"{+a}".repeat(MAX_EXPRESSIONS)).unwrap();
        assert!(template.matches(&"a".repeat(MAX_EXPRESSIONS)));
        assert!(!template.matches(&"a".repeat(MAX_EXPRESSIONS - 1)));
    }
}
