//! The composition function of ExperimentClusters.
//!
//! Crossplane calls it with a composite and what is there of it, and makes what it answers. All that is decided is
//! decided by [`compose::compose`], a pure function; [`server`] carries messages to it and back.

mod aks;
pub mod compose;
mod eks;
mod gke;
pub mod keys;
mod local;
pub mod machines;
pub mod protocol;
pub mod server;
