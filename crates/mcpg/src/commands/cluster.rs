//! `mcpg cluster status`: what any replica of a fleet says about all of them.

mod fetch;
mod table;

use std::time::Duration;

use mcpg_config::Environment;
use mcpg_config::app::BindAddress;

use self::fetch::Target;
use super::print;
use crate::command_line::ClusterStatus;
use crate::failure::Failure;

/// Asks a replica and shows its answer.
pub(super) fn status(arguments: &ClusterStatus) -> Result<(), Failure> {
    let target = match &arguments.admin {
        Some(url) => Target::parse(url)?,
        None => configured(arguments)?,
    };
    let limit = Duration::from_secs(arguments.timeout);
    let (text, facts) = fetch::facts(&target, limit)?;
    if arguments.json {
        return print(&text);
    }
    print(table::render(&facts).trim_end())
}

/// The listener for operators of the configuration, as this machine reaches it.
fn configured(arguments: &ClusterStatus) -> Result<Target, Failure> {
    let environment = Environment::of_process();
    let loaded = mcpg_config::load(&arguments.files.sources(&environment)?, &environment)?;
    let Some(address) = loaded.config.gateway.admin.bind_address else {
        return Err(Failure::boot(
            "this configuration has no listener for operators",
            "set gateway.admin.bind_address, or name the listener of a replica with --admin URL",
        ));
    };
    if address.port == 0 {
        return Err(Failure::boot(
            "the port of gateway.admin.bind_address is 0, so the system chose another one",
            "name the listener with --admin URL; the replica has logged where it listens for operators",
        ));
    }
    Ok(Target::new(reachable(&address)))
}

/// A listener on every interface is reached through loopback.
fn reachable(address: &BindAddress) -> String {
    let host = match address.host.as_str() {
        "0.0.0.0" => "127.0.0.1",
        "::" => "::1",
        host => host,
    };
    if host.contains(':') {
        return format!("[{host}]:{}", address.port);
    }
    format!("{host}:{}", address.port)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_listener_on_every_interface_is_asked_through_loopback() {
        for (bound, asked) in [
            ("0.0.0.0:9090", "127.0.0.1:9090"),
            ("[::]:9090", "[::1]:9090"),
            ("10.0.0.7:9090", "10.0.0.7:9090"),
            ("localhost:1", "localhost:1"),
        ] {
            assert_eq!(reachable(&BindAddress::parse(bound).unwrap()), asked);
        }
    }
}
