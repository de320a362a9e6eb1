//! Use cases: each returns data, and prints nothing.

pub(crate) mod bundle;
pub(crate) mod catalog;
pub(crate) mod connect;
pub(crate) mod elsewhere;
pub(crate) mod explain;
pub(crate) mod follow;
pub(crate) mod foreign;
pub(crate) mod install;
pub(crate) mod overrides;
pub(crate) mod plan;
pub(crate) mod publish;
pub(crate) mod pushing;
pub(crate) mod results;
pub(crate) mod runs;
pub(crate) mod stored;
pub(crate) mod tutorial;
pub(crate) mod uninstall;
