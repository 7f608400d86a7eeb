//! What every end-to-end test stands on: programs that are started and stopped, a raw HTTP client
//! and the two eras of the protocol spoken by hand.

pub(crate) mod audit;
pub(crate) mod balancer;
mod balancer_forward;
mod balancer_health;
mod balancer_policy;
mod balancer_state;
pub(crate) mod children;
pub(crate) mod config_check;
pub(crate) mod deadline;
pub(crate) mod fault_proxy;
mod fault_proxy_counters;
mod fault_proxy_relay;
pub(crate) mod fleet;
pub(crate) mod fleet_replica;
pub(crate) mod following;
pub(crate) mod gateway;
pub(crate) mod http;
pub(crate) mod keys;
pub(crate) mod legacy;
pub(crate) mod mcp;
pub(crate) mod metrics;
pub(crate) mod modern;
pub(crate) mod official_clients;
pub(crate) mod pipe;
pub(crate) mod plugins;
pub(crate) mod ports;
pub(crate) mod processes;
pub(crate) mod recorder;
pub(crate) mod redis;
mod redis_monitor;
pub(crate) mod scripts;
pub(crate) mod session_requests;
pub(crate) mod sse;
pub(crate) mod suite;
pub(crate) mod talker;
pub(crate) mod upstream;
