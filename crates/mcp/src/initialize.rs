//! The handshake of the legacy era, the discovery of the modern one, and questions about capabilities.

use crate::error::ErrorObject;
use crate::meta;
use crate::object::Object;
use crate::raw;
use crate::results::CacheHints;
use crate::version::ProtocolVersion;
use serde_json::value::RawValue;

/// The parameters of `initialize`.
#[derive(Debug, Clone)]
pub struct InitializeParams {
    /// The version the client asks for, as it spelled it.
    pub protocol_version: String,
    /// The client's capabilities, an object.
    pub capabilities: Box<RawValue>,
    /// The client's name and version.
    pub client_info: Option<Box<RawValue>>,
}

/// The result of `initialize`.
#[derive(Debug, Clone)]
pub struct InitializeResult {
    /// The version of the session, as the server spelled it.
    pub protocol_version: String,
    /// The server's capabilities, an object.
    pub capabilities: Box<RawValue>,
    /// The server's name and version.
    pub server_info: Option<Box<RawValue>>,
    /// How to use the server, for a language model.
    pub instructions: Option<String>,
}

/// The result of `server/discover`.
#[derive(Debug, Clone)]
pub struct DiscoverResult {
    /// The versions the server speaks, as it spelled them.
    pub supported_versions: Vec<String>,
    /// The server's capabilities, an object.
    pub capabilities: Box<RawValue>,
    /// The server's name and version, which travels in `_meta`.
    pub server_info: Option<Box<RawValue>>,
    /// How to use the server, for a language model.
    pub instructions: Option<String>,
    /// How long and by whom the result may be cached.
    pub cache: CacheHints,
}

/// Questions about a server's capabilities object.
#[derive(Debug, Clone, Copy)]
pub struct ServerCapabilities<'a>(&'a RawValue);

/// Questions about a client's capabilities object.
#[derive(Debug, Clone, Copy)]
pub struct ClientCapabilities<'a>(&'a RawValue);

impl InitializeParams {
    /// Reads the parameters of a received `initialize`.
    ///
    /// # Errors
    /// Invalid params (-32602) if the version or the capabilities are missing or of another type.
    pub fn parse(params: Option<&RawValue>) -> Result<Self, ErrorObject> {
        let object = params.and_then(|params| Object::parse(params).ok());
        let object = object.ok_or_else(|| ErrorObject::invalid_params("initialize needs an object"))?;
        let protocol_version = object.get_str("protocolVersion");
        let protocol_version = protocol_version
            .ok_or_else(|| ErrorObject::invalid_params("protocolVersion must be a string"))?;
        let capabilities = object.get("capabilities").filter(|value| raw::is_object(value));
        let capabilities =
            capabilities.ok_or_else(|| ErrorObject::invalid_params("capabilities must be an object"))?;
        Ok(Self {
            protocol_version: protocol_version.into_owned(),
            capabilities: capabilities.to_owned(),
            client_info: object_member(&object, "clientInfo"),
        })
    }

    /// The parameters as JSON, to send to an upstream.
    #[must_use]
    pub fn to_raw(&self) -> Box<RawValue> {
        let mut object = Object::new();
        object.set_str("protocolVersion", &self.protocol_version);
        object.set("capabilities", self.capabilities.as_ref());
        if let Some(client_info) = &self.client_info {
            object.set("clientInfo", client_info.as_ref());
        }
        object.to_raw()
    }
}

impl InitializeResult {
    /// Reads the result of an upstream.
    ///
    /// # Errors
    /// An internal error that names the missing member.
    pub fn parse(result: &RawValue) -> Result<Self, ErrorObject> {
        let object = Object::parse(result).map_err(invalid)?;
        let protocol_version = object.get_str("protocolVersion");
        let protocol_version =
            protocol_version.ok_or_else(|| invalid("the initialize result has no protocolVersion"))?;
        Ok(Self {
            protocol_version: protocol_version.into_owned(),
            capabilities: capabilities(&object)?,
            server_info: object_member(&object, "serverInfo"),
            instructions: object.get_str("instructions").map(Into::into),
        })
    }

    /// The version of the session, if mcpg speaks it.
    #[must_use]
    pub fn version(&self) -> Option<ProtocolVersion> {
        self.protocol_version
            .parse()
            .ok()
            .filter(|version: &ProtocolVersion| version.is_legacy())
    }

    /// The result as JSON.
    #[must_use]
    pub fn to_raw(&self) -> Box<RawValue> {
        let mut object = Object::new();
        object.set_str("protocolVersion", &self.protocol_version);
        object.set("capabilities", self.capabilities.as_ref());
        if let Some(server_info) = &self.server_info {
            object.set("serverInfo", server_info.as_ref());
        }
        if let Some(instructions) = &self.instructions {
            object.set_str("instructions", instructions);
        }
        object.to_raw()
    }
}

impl DiscoverResult {
    /// Reads the result of an upstream. A missing or wrong cache hint counts as "do not cache".
    ///
    /// # Errors
    /// An internal error that names the missing member.
    pub fn parse(result: &RawValue) -> Result<Self, ErrorObject> {
        let object = Object::parse(result).map_err(invalid)?;
        let versions = object.get("supportedVersions");
        let versions = versions.and_then(|versions| serde_json::from_str::<Vec<String>>(versions.get()).ok());
        Ok(Self {
            supported_versions: versions
                .ok_or_else(|| invalid("the discover result has no supportedVersions"))?,
            capabilities: capabilities(&object)?,
            server_info: object
                .get_meta(meta::SERVER_INFO)
                .filter(|value| raw::is_object(value))
                .map(ToOwned::to_owned),
            instructions: object.get_str("instructions").map(Into::into),
            cache: CacheHints::of(&object),
        })
    }

    /// The newest modern version both sides speak.
    #[must_use]
    pub fn newest_common(&self) -> Option<ProtocolVersion> {
        let common = |version: &&ProtocolVersion| {
            self.supported_versions
                .iter()
                .any(|text| text == version.as_str())
        };
        ProtocolVersion::MODERN.iter().find(common).copied()
    }

    /// The result as JSON.
    #[must_use]
    pub fn to_raw(&self) -> Box<RawValue> {
        let mut object = Object::new();
        object.set_str("resultType", "complete");
        object.set(
            "supportedVersions",
            raw::from_written(serde_json::json!(self.supported_versions).to_string()),
        );
        object.set("capabilities", self.capabilities.as_ref());
        if let Some(instructions) = &self.instructions {
            object.set_str("instructions", instructions);
        }
        self.cache.set_on(&mut object);
        if let Some(server_info) = &self.server_info {
            object.set_meta(meta::SERVER_INFO, server_info.as_ref());
        }
        object.to_raw()
    }
}

impl<'a> ServerCapabilities<'a> {
    /// Looks at a capabilities object.
    #[must_use]
    pub fn new(capabilities: &'a RawValue) -> Self {
        Self(capabilities)
    }

    /// True if the server has a capability, named by its path, for instance `tools` or `tasks.requests`.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        has_capability(self.0, path)
    }

    /// True if the server offers tools.
    #[must_use]
    pub fn tools(&self) -> bool {
        self.has("tools")
    }

    /// True if the server offers prompts.
    #[must_use]
    pub fn prompts(&self) -> bool {
        self.has("prompts")
    }

    /// True if the server offers resources.
    #[must_use]
    pub fn resources(&self) -> bool {
        self.has("resources")
    }

    /// True if the server reports updates of single resources.
    #[must_use]
    pub fn resource_subscriptions(&self) -> bool {
        self.has("resources.subscribe")
    }

    /// True if the server completes arguments.
    #[must_use]
    pub fn completions(&self) -> bool {
        self.has("completions")
    }

    /// True if the server sends log messages.
    #[must_use]
    pub fn logging(&self) -> bool {
        self.has("logging")
    }

    /// True if the server reports changes of a list: `tools`, `prompts` or `resources`.
    #[must_use]
    pub fn list_changed(&self, list: &str) -> bool {
        lookup(self.0, &[list, "listChanged"])
    }

    /// True if the server supports an extension, named by its identifier.
    #[must_use]
    pub fn extension(&self, identifier: &str) -> bool {
        lookup(self.0, &["extensions", identifier])
    }
}

impl<'a> ClientCapabilities<'a> {
    /// Looks at a capabilities object.
    #[must_use]
    pub fn new(capabilities: &'a RawValue) -> Self {
        Self(capabilities)
    }

    /// True if the client has a capability, named by its path, for instance `elicitation.url`.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        has_capability(self.0, path)
    }

    /// True if the client can ask a language model.
    #[must_use]
    pub fn sampling(&self) -> bool {
        self.has("sampling")
    }

    /// True if the client lists its roots.
    #[must_use]
    pub fn roots(&self) -> bool {
        self.has("roots")
    }

    /// True if the client can show the user a form. An elicitation capability that names no mode means forms.
    #[must_use]
    pub fn form_elicitation(&self) -> bool {
        self.has("elicitation.form") || (self.has("elicitation") && !self.has("elicitation.url"))
    }

    /// True if the client can send the user to a URL.
    #[must_use]
    pub fn url_elicitation(&self) -> bool {
        self.has("elicitation.url")
    }

    /// True if the client supports an extension, named by its identifier.
    #[must_use]
    pub fn extension(&self, identifier: &str) -> bool {
        lookup(self.0, &["extensions", identifier])
    }
}

/// True if a capabilities object holds a path of members. `null` and `false` count as absent.
pub(crate) fn has_capability(capabilities: &RawValue, path: &str) -> bool {
    let path: Vec<&str> = path.split('.').collect();
    lookup(capabilities, &path)
}

fn lookup(value: &RawValue, path: &[&str]) -> bool {
    match path {
        [] => !matches!(value.get(), "null" | "false"),
        [first, rest @ ..] => {
            let object = Object::parse(value).ok();
            object.is_some_and(|object| object.get(first).is_some_and(|member| lookup(member, rest)))
        }
    }
}

fn capabilities(object: &Object<'_>) -> Result<Box<RawValue>, ErrorObject> {
    object_member(object, "capabilities").ok_or_else(|| invalid("the result has no capabilities"))
}

fn object_member(object: &Object<'_>, key: &str) -> Option<Box<RawValue>> {
    object
        .get(key)
        .filter(|value| raw::is_object(value))
        .map(ToOwned::to_owned)
}

fn invalid(reason: impl std::fmt::Display) -> ErrorObject {
    ErrorObject::internal(reason)
}

#[cfg(test)]
mod tests;
