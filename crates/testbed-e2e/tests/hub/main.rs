//! End to end on the real embedded hub: real API server, real Argo CD, real Argo Workflows, real stores.
//!
//! `make e2e` brings the hub up first. Tests share it, so they run one after another.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on panics")]

mod admission;
mod agents;
mod clouds;
mod clusters;
mod conformance;
mod crashes;
mod experiments;
mod faults;
mod install;
mod lab;
mod leader;
mod lifecycle;
mod machine;
mod trials;
