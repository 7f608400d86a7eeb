//! The rules of `gateway.admin`.

use super::Checker;
use crate::app::{Admin, BindAddress, Server};
use crate::path::Path;
use crate::raw::gateway::RawAdmin;

pub(super) fn validate(raw: &RawAdmin, server: Option<&Server>, checker: &mut Checker<'_>) -> Admin {
    let path = Path::of_keys("gateway.admin.bind_address");
    let address = raw.bind_address.as_ref().and_then(|text| {
        let parsed = BindAddress::parse(text);
        parsed
            .map_err(|reason| {
                checker.invalid(&path, reason, "host:port, as in `127.0.0.1:9090` or `[::1]:9090`");
            })
            .ok()
    });
    let taken = server.map(|server| &server.bind_address);
    if address.is_some()
        && address.as_ref() == taken
        && address.as_ref().is_some_and(|address| address.port != 0)
    {
        checker.conflict(
            &path,
            "clients are served at this address already (`gateway.server.bind_address`)",
            "an address of its own",
            "choose another port",
        );
    }
    Admin {
        bind_address: address,
    }
}
