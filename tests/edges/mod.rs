//! What makes the gateway usable by an operator: identities, backends, processes, and what it tells of itself.

mod access;
mod backend_calls;
mod command_backend;
mod command_backend_ends;
mod config_check;
mod config_check_json;
mod config_check_plugins;
mod config_check_variables;
mod config_init;
mod draining;
mod health;
mod http_backend;
mod http_backend_arguments;
mod http_backend_hosts;
mod input_schemas;
mod keys;
mod pipe;
mod pipe_clients;
mod principals;
mod rolling;
mod status;
mod stdio_upstream;
mod stdio_upstream_fleet;
mod stdio_upstream_life;
mod walk;
mod web_server;
