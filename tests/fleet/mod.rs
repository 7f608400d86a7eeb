//! Several replicas behind one balancer, and the tools that stand between them.

mod balancer;
mod balancer_aborts;
mod balancer_rotation;
mod fault_proxy;
mod gateways;
mod replica;
