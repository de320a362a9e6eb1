//! The operator's world in memory and in virtual time (T0): the real operator above its client boundary, the API
//! server below it as far as the operator relies on it, and everyone else as small state machines. Faults are put at
//! every request in turn; what must hold nevertheless is evaluated over the whole history. [`real`] puts the same around
//! a real API server and an operator that is really killed (T1).

pub mod bench;
pub mod bucket;
pub mod fault;
pub mod invariants;
pub mod pairs;
pub mod players;
pub mod real;
pub mod runs;
pub mod store;
pub mod sweep;
pub mod timed;
pub mod wire;
pub mod world;
