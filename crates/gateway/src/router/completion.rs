//! Completion of arguments: answered by whoever offers the prompt or the template.

use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::object::Object;
use mcpg_mcp::version::Era;
use serde_json::value::RawValue;

use super::Kind;
use super::catalogue::Origin;
use super::core::Router;
use super::start::Client;
use crate::exchange::{Caller, Outcome, Outgoing};

impl Router {
    /// `completion/complete`.
    pub(super) async fn complete(&self, params: Box<RawValue>, client: &Client, caller: &Caller) -> Outcome {
        let era = client.version.era();
        let mut object = parse(&params)?;
        let reference = object
            .get("ref")
            .ok_or_else(|| ErrorObject::invalid_params("ref is missing"))?;
        let mut reference = parse(reference)?;
        let (kind, member) = match reference.get_str("type").as_deref() {
            Some("ref/prompt") => (Kind::Prompts, "name"),
            Some("ref/resource") => (Kind::ResourceTemplates, "uri"),
            _ => {
                return Err(
                    ErrorObject::invalid_params("ref.type is neither ref/prompt nor ref/resource").into(),
                );
            }
        };
        let identity = reference
            .get_str(member)
            .ok_or_else(|| ErrorObject::invalid_params(format!("ref.{member} is missing")))?
            .into_owned();
        let catalogue = self.catalogue.load_full();
        let listings = catalogue.of(era);
        let item = listings.section(kind).find(&identity).or_else(|| match kind {
            // A reference may also name a plain resource.
            Kind::ResourceTemplates => listings.section(Kind::Resources).find(&identity),
            _ => None,
        });
        let item = item.ok_or_else(|| match kind {
            Kind::Prompts => ErrorObject::unknown_prompt(&identity),
            _ => ErrorObject::resource_not_found(era, &identity),
        })?;
        match item.origin {
            Origin::Own(_) => nothing(era),
            Origin::Upstream(at) => {
                if item.original != item.identity {
                    reference.set_str(member, &item.original);
                    object.set("ref", reference.to_raw());
                }
                let outgoing = Outgoing {
                    method: "completion/complete",
                    params: Some(object.to_raw()),
                    name: None,
                    parameter_headers: Vec::new(),
                };
                self.forward(at, outgoing, client, caller).await
            }
        }
    }
}

fn parse(raw: &RawValue) -> Result<Object<'_>, ErrorObject> {
    Object::parse(raw).map_err(|_| ErrorObject::invalid_params("an object was expected"))
}

/// The gateway's own bindings have no completions.
fn nothing(era: Era) -> Outcome {
    let json = match era {
        Era::Legacy => r#"{"completion":{"values":[]}}"#,
        Era::Modern => r#"{"completion":{"values":[]},"resultType":"complete"}"#,
    };
    Ok(RawValue::from_string(json.to_owned()).expect("a literal of valid JSON"))
}
