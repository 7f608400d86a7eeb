//! The gateway's own tools, prompts, resources and resource templates.

use mcpg_config::app::{Backend, Capabilities};
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::uri_template::UriTemplate;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::arguments::Arguments;
use super::command::{CommandBackends, Programs};
use super::http::HttpBackends;
use super::listed::{Listed, Lists};
use super::mock;
use super::reply::{self, About, BackendError, Reply};
use crate::boot_error::BootError;
use crate::exchange::{Caller, Outcome};
use crate::router::Kind;

/// Everything that `mcp.capabilities` defines, with its backends.
#[derive(Debug)]
pub(crate) struct OwnBindings {
    capabilities: Capabilities,
    templates: Vec<UriTemplate>,
    lists: Lists,
    http: HttpBackends,
    command: CommandBackends,
}

impl OwnBindings {
    /// Prepares the bindings of a validated configuration.
    ///
    /// # Errors
    /// What this machine lacks for them.
    pub(crate) fn new(capabilities: Capabilities) -> Result<Self, BootError> {
        Ok(Self {
            lists: Lists::new(&capabilities),
            http: HttpBackends::new(&capabilities)?,
            command: CommandBackends::new(),
            templates: capabilities
                .resource_templates
                .iter()
                .filter_map(|template| UriTemplate::parse(&template.uri_template).ok())
                .collect(),
            capabilities,
        })
    }

    /// The programs that run for these bindings: they end with this value.
    pub(crate) fn programs(&self) -> Programs {
        self.command.programs()
    }

    /// The list items of one kind, in file order.
    pub(crate) fn listed(&self, kind: Kind) -> &[Listed] {
        self.lists.of(kind)
    }

    /// Executes a tool. Arguments that do not fit its schema are a failure of the call and not of the protocol, so that
    /// the model learns what is wrong with them.
    pub(crate) async fn call_tool(&self, at: usize, params: &RawValue, caller: &Caller) -> Outcome {
        let tool = &self.capabilities.tools[at];
        let params = Params::read(params)?;
        let arguments = Value::Object(params.arguments);
        if let Err(violations) = tool.input_schema.check(&arguments) {
            let why = reply::listed(
                "the arguments do not fit the input schema of the tool",
                &violations,
            );
            return reply::failed(&why, caller);
        }
        let params = Params {
            arguments: match arguments {
                Value::Object(arguments) => arguments,
                _ => Map::new(),
            },
            ..params
        };
        match &tool.backend {
            Backend::Mock(mock) => mock::call_tool(mock, &params, caller).await,
            backend => {
                let replied = self.ask(backend, &params.arguments).await;
                reply::tool(replied, tool.output_schema.as_ref(), caller)
            }
        }
    }

    /// Gets a prompt.
    pub(crate) async fn get_prompt(&self, at: usize, params: &RawValue, caller: &Caller) -> Outcome {
        let prompt = &self.capabilities.prompts[at];
        let params = Params::read(params)?;
        for argument in prompt.arguments.iter().filter(|argument| argument.required) {
            if !params.arguments.contains_key(&argument.name) {
                let why = format!("prompt {} needs the argument {}", prompt.name, argument.name);
                return Err(ErrorObject::invalid_params(why).into());
            }
        }
        let description = prompt.description.as_deref();
        match &prompt.backend {
            Backend::Mock(mock) => mock::get_prompt(mock, description, &params, caller).await,
            backend => {
                let replied = self.ask(backend, &params.arguments).await;
                reply::prompt(replied, description, caller)
            }
        }
    }

    /// Reads a resource.
    pub(crate) async fn read_resource(&self, at: usize, params: &RawValue, caller: &Caller) -> Outcome {
        let resource = &self.capabilities.resources[at];
        let about = About {
            uri: &resource.uri,
            mime_type: resource.mime_type.as_deref(),
        };
        let params = Params::read(params)?;
        self.read(&resource.backend, &about, &params, caller).await
    }

    /// Reads what a template names: the variables of the URI are the arguments.
    pub(crate) async fn read_template(
        &self,
        at: usize,
        uri: &str,
        params: &RawValue,
        caller: &Caller,
    ) -> Outcome {
        let template = &self.capabilities.resource_templates[at];
        let mut params = Params::read(params)?;
        let variables = self
            .templates
            .get(at)
            .and_then(|template| template.captures(uri))
            .unwrap_or_default();
        params.arguments = variables
            .into_iter()
            .map(|(name, value)| (name, Value::from(value)))
            .collect();
        let about = About {
            uri,
            mime_type: template.mime_type.as_deref(),
        };
        self.read(&template.backend, &about, &params, caller).await
    }

    async fn read(&self, backend: &Backend, about: &About<'_>, params: &Params, caller: &Caller) -> Outcome {
        match backend {
            Backend::Mock(mock) => mock::read_resource(mock, about, params, caller).await,
            backend => {
                // What a client sends beside the URI is no argument.
                let replied = self.ask(backend, &params.arguments).await;
                reply::resource(replied, about, caller)
            }
        }
    }

    /// Executes a backend that is a program or a server. Boxed: what it needs must not make every call's future larger.
    async fn ask(&self, backend: &Backend, arguments: &Arguments) -> Result<Reply, BackendError> {
        match backend {
            Backend::Http(http) => Box::pin(self.http.call(http, arguments)).await,
            Backend::Command(command) => Box::pin(self.command.call(command, arguments)).await,
            Backend::Mock(_) => Err(BackendError::Failed("a mock is answered by itself".to_owned())),
        }
    }
}

/// What a backend reads of the params of a request.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Params {
    #[serde(default)]
    pub(super) arguments: Map<String, Value>,
    /// Answers to questions of an earlier round (modern era).
    #[serde(default)]
    pub(super) input_responses: Map<String, Value>,
}

impl Params {
    fn read(params: &RawValue) -> Result<Self, ErrorObject> {
        serde_json::from_str(params.get()).map_err(ErrorObject::invalid_params)
    }
}
