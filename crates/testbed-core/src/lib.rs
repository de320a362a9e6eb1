//! Turns a run and what was observed of it into a plan and a status.
//!
//! Nothing here has a network, a clock or a runtime: time and identity come in as arguments, effects go out as values.
//! [`plan::plan`] is the centre: from an [`observed::Observed`] to a [`plan::Plan`].

pub mod agent;
pub mod analysis;
pub mod answer;
pub mod build;
pub mod bundle;
pub mod catalog;
pub mod certificate;
pub mod compare;
pub mod figure;
pub mod gates;
pub mod ingest;
pub mod kubeconfig;
pub mod machines;
pub mod measurement;
pub mod names;
pub mod observed;
pub mod plan;
pub mod pool;
pub mod power;
pub mod price;
pub mod problem;
pub mod prometheus;
pub mod query;
pub mod record;
pub mod reference;
pub mod run;
pub mod schedule;
pub mod selector;
pub mod sequential;
pub mod status;
pub mod summary;
pub mod sweep;
pub mod tutorial;
pub mod validate;
pub mod verdict;
pub mod verify;
