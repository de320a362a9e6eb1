//! Results by the name of a run or of a file: what is read is the same, and so is what can be done with it.

use super::connect::{ClusterArguments, connect};
use super::{results, runs};
use crate::error::Failure;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;
use testbed_api::{Experiment, Summary};
use testbed_core::bundle;

/// A result, and the run it is of if that is in a cluster.
pub(crate) struct Loaded {
    /// Its bytes, exactly as they are stored.
    pub(crate) bytes: Vec<u8>,
    /// What they say.
    pub(crate) summary: Summary,
    /// The run, if it was found by its name.
    pub(crate) run: Option<Experiment>,
}

/// Returns the result in a file, of a summary or of a bundle, or of a run.
pub(crate) async fn load(cluster: &ClusterArguments, name: &str) -> Result<Loaded> {
    if Path::new(name).is_file() {
        return from_file(Path::new(name));
    }
    let client = connect(cluster).await?;
    let run = runs::find(&client, &cluster.namespace, name).await?;
    let stored = results::fetch(&client, &run).await?;
    Ok(Loaded { bytes: stored.bytes, summary: stored.summary, run: Some(run) })
}

fn from_file(file: &Path) -> Result<Loaded> {
    let bytes = fs::read(file).with_context(|| format!("failed to read {}", file.display()))?;
    let wrong = |error: serde_json::Error| {
        Failure::usage(format!("{} is neither a summary nor a bundle: {error}", file.display()))
            .hint("`testbed results <run> -o json` writes a summary")
    };
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(wrong)?;
    // A bundle holds the summary whole, and the digests of all that it holds.
    let summary = if value.get("summary").is_some() {
        let changed = |reason| Failure::usage(format!("{} {reason}", file.display()));
        bundle::read(&bytes).map_err(changed)?.bundle.summary
    } else {
        serde_json::from_value(value).map_err(wrong)?
    };
    Ok(Loaded { bytes, summary, run: None })
}
