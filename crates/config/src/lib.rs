#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod app;

mod check;
mod environment;
mod found;
mod inspect;
mod interpolate;
mod layers;
mod load;
mod mistakes;
mod normalize;
mod origin;
mod overrides;
mod parse;
mod path;
mod places;
mod raw;
mod report;
mod schema;
mod shape;
mod source;
mod suggest;
mod tree;
mod unknown;
mod validate;

pub use app::AppConfig;
pub use environment::Environment;
pub use inspect::{Inspected, inspect};
pub use load::{Loaded, load};
pub use places::Places;
pub use report::{Diagnostic, DiagnosticCode, Report};
pub use schema::schema;
pub use source::Source;
