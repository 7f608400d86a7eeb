//! Texts with places for arguments of a call.

use std::fmt;

const START: &str = "${arguments.";

/// A text in which `${arguments.a.b}` stands for what the caller sent. Other `${...}` are plain text.
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Stands there as it is.
    Text(String),
    /// Is replaced by an argument.
    Argument(ArgumentPath),
}

/// Where an argument is found: its name, and the names of members inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgumentPath(Vec<String>);

/// Why a text is no template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TemplateError {
    /// The closing brace is missing.
    Unclosed,
    /// A name between two dots is missing.
    Unnamed,
}

impl Template {
    /// Takes a text apart.
    pub(crate) fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find(START) {
            if start > 0 {
                parts.push(Part::Text(rest[..start].to_owned()));
            }
            let expression = &rest[start + START.len()..];
            let end = expression.find('}').ok_or(TemplateError::Unclosed)?;
            let names: Vec<String> = expression[..end].split('.').map(str::to_owned).collect();
            if names.iter().any(|name| name.trim().is_empty()) {
                return Err(TemplateError::Unnamed);
            }
            parts.push(Part::Argument(ArgumentPath(names)));
            rest = &expression[end + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// A text without arguments.
    pub(crate) fn literal(text: impl Into<String>) -> Self {
        Self {
            parts: vec![Part::Text(text.into())],
        }
    }

    /// The pieces in their order; never two texts side by side.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The argument that the whole text consists of, if it is nothing but one expression.
    pub fn whole_argument(&self) -> Option<&ArgumentPath> {
        match self.parts.as_slice() {
            [Part::Argument(path)] => Some(path),
            _ => None,
        }
    }

    /// The arguments that the text names.
    pub fn arguments(&self) -> impl Iterator<Item = &ArgumentPath> {
        self.parts.iter().filter_map(|part| match part {
            Part::Argument(path) => Some(path),
            Part::Text(_) => None,
        })
    }

    /// The text, when no argument stands in it.
    pub fn as_literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Splits the text at the first `separator` that is not inside an expression.
    pub(crate) fn split_once(&self, separator: char) -> (Self, Option<Self>) {
        let mut parts = self.parts.iter();
        let mut before = Vec::new();
        for part in parts.by_ref() {
            if let Part::Text(text) = part
                && let Some((left, right)) = text.split_once(separator)
            {
                let piece = |text: &str| (!text.is_empty()).then(|| Part::Text(text.to_owned()));
                before.extend(piece(left));
                let after = piece(right).into_iter().chain(parts.cloned()).collect();
                return (Self { parts: before }, Some(Self { parts: after }));
            }
            before.push(part.clone());
        }
        (Self { parts: before }, None)
    }

    /// Splits the text at every `separator` that is not inside an expression.
    pub(crate) fn split(&self, separator: char) -> Vec<Self> {
        let (mut piece, mut rest) = self.split_once(separator);
        let mut pieces = Vec::new();
        while let Some(more) = rest {
            pieces.push(piece);
            (piece, rest) = more.split_once(separator);
        }
        pieces.push(piece);
        pieces
    }
}

impl ArgumentPath {
    /// The name of the argument, then those of members inside it.
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for ArgumentPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("."))
    }
}

/// Shows the arguments only: the text around them may hold credentials.
impl fmt::Debug for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arguments: Vec<String> = self.arguments().map(ToString::to_string).collect();
        write!(formatter, "Template(arguments: {arguments:?})")
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Unclosed => "an expression `${arguments.` is not closed",
            Self::Unnamed => "an expression names no argument",
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn shape(text: &str) -> Vec<String> {
        let template = Template::parse(text).unwrap();
        let show = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Argument(path) => format!("<{path}>"),
        };
        template.parts().iter().map(show).collect()
    }

    #[test]
    fn arguments_are_found_and_other_expressions_are_text() {
        assert_eq!(shape("a${arguments.x}b"), ["a", "<x>", "b"]);
        assert_eq!(shape("${arguments.x.y}${arguments.z}"), ["<x.y>", "<z>"]);
        assert_eq!(shape("${steps.x} $x {x}"), ["${steps.x} $x {x}"]);
        assert_eq!(shape(""), Vec::<String>::new());
    }

    #[test]
    fn half_an_expression_is_a_mistake() {
        assert_eq!(Template::parse("${arguments.x"), Err(TemplateError::Unclosed));
        for text in ["${arguments.}", "${arguments.x..y}", "${arguments.x.}"] {
            assert_eq!(Template::parse(text), Err(TemplateError::Unnamed), "{text}");
        }
    }

    #[test]
    fn a_separator_inside_an_expression_does_not_split() {
        let pieces = Template::parse("a/b${arguments.x/y}/c").unwrap().split('/');
        assert_eq!(pieces.len(), 3);
        assert_eq!(pieces[0].as_literal(), Some("a"));
        assert_eq!(pieces[1].arguments().next().unwrap().names(), ["x/y"]);
        assert_eq!(pieces[2].as_literal(), Some("c"));
    }

    #[test]
    fn debug_shows_no_text() {
        let template = Template::parse("s3cret ${arguments.x}").unwrap();
        assert!(!format!("{template:?}").contains("s3cret"));
    }
}
