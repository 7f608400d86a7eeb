//! The environment as the loader sees it: a value, never the process's own by stealth.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// The variables that a load may read.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    without_overrides: bool,
}

impl Environment {
    /// An environment without variables.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Takes the variables of this process; names and values that are not Unicode are left out.
    pub fn of_process() -> Self {
        let unicode =
            |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        Self {
            variables: std::env::vars_os().filter_map(unicode).collect(),
            without_overrides: false,
        }
    }

    /// The same variables for `${env.NAME}` alone: none of them overrides a key.
    #[must_use]
    pub fn without_overrides(self) -> Self {
        Self {
            without_overrides: true,
            ..self
        }
    }

    /// Returns the value of a variable that is set, be it empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Lists the variables that may override keys, in the order of their names.
    pub(crate) fn overrides(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables
            .iter()
            .filter(|_| !self.without_overrides)
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let variables = variables
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Self {
            variables,
            without_overrides: false,
        }
    }
}

/// Shows the names only: values may be credentials.
impl std::fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_set().entries(self.variables.keys()).finish()
    }
}
