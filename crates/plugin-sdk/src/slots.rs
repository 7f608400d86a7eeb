//! The slots of the root module, for any plugin.

use mcpg_cluster::{Error, ErrorKind, Result};
use mcpg_plugin_abi::export::PrefixTypeTrait;
use mcpg_plugin_abi::{
    AbiCoordinator, AbiDiagnostic, AbiHost, AbiResult, Answer, Mod, ModRef, RStr, RString, RVec,
};

use crate::guard::{Call, future, run};
use crate::{Diagnostic, Host, Plugin, bridge, log, runtime};

/// Fills the slots with the functions of a plugin.
pub(crate) fn module<P: Plugin>(manifest: extern "C" fn() -> RStr<'static>) -> ModRef {
    Mod {
        manifest,
        validate: validate::<P>,
        open: open::<P>,
    }
    .leak_into_prefix()
}

extern "C" fn validate<P: Plugin>(config: RStr<'_>) -> AbiResult<RVec<AbiDiagnostic>> {
    run(Call::Read("validate"), || {
        let diagnostics = match parse::<P>(&config) {
            Ok(config) => P::validate(&config),
            Err(diagnostic) => vec![diagnostic],
        };
        let cross = |diagnostic: Diagnostic| AbiDiagnostic {
            path: diagnostic.path.into(),
            message: diagnostic.message.into(),
        };
        Ok(diagnostics.into_iter().map(cross).collect())
    })
}

extern "C" fn open<P: Plugin>(config: RString, host: AbiHost) -> Answer<AbiCoordinator> {
    log::connect(host);
    future(Call::Read("open"), async move {
        runtime::start()?;
        let config = checked::<P>(&config)?;
        let coordinator = P::open(config, Host::for_kind(P::KIND)).await?;
        Ok(bridge::export(coordinator))
    })
}

fn parse<P: Plugin>(config: &str) -> Result<P::Config, Diagnostic> {
    // The position in the text would mislead: the text is not what the operator wrote.
    serde_json::from_str(config).map_err(|error| {
        let text = error.to_string();
        let text = text
            .rsplit_once(" at line ")
            .map_or(text.as_str(), |(text, _)| text);
        Diagnostic::new("", text)
    })
}

fn checked<P: Plugin>(config: &str) -> Result<P::Config> {
    let refuse = |diagnostic: &Diagnostic| {
        Error::new(ErrorKind::Invalid, diagnostic.message.clone())
            .with_context("path", diagnostic.path.clone())
    };
    let config = parse::<P>(config).map_err(|diagnostic| refuse(&diagnostic))?;
    match P::validate(&config).first() {
        Some(diagnostic) => Err(refuse(diagnostic)),
        None => Ok(config),
    }
}
