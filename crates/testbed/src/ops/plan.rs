//! What a run would do, from the same functions that will decide it; without a cluster.

use super::catalog::Disk;
use anyhow::Result;
use serde::Serialize;
use testbed_api::Experiment;
use testbed_api::experiment::ClusterType;
use testbed_core::catalog::Entry;
use testbed_core::plan::{COLLECT_DEADLINE, DEPLOY_DEADLINE, RUN_DEADLINE};
use testbed_core::run;

/// What a run would do.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outline {
    /// Name of the experiment.
    pub(crate) experiment: String,
    /// Targets, in the order in which they are deployed.
    pub(crate) targets: Vec<OutlineTarget>,
    /// Name of the workflow template, and the parameters it is given.
    pub(crate) workflow: String,
    /// Metrics, and how often each is asked.
    pub(crate) metrics: Vec<OutlineMetric>,
    /// What is claimed.
    pub(crate) claim: Option<String>,
    /// Price of the clusters in USD: nothing for targets on the hub, and not known for others in this version.
    pub(crate) cost_usd: Option<f64>,
    /// How long each stage may take at most.
    pub(crate) deadlines: Vec<(String, String)>,
    /// Days after which the Experiment is deleted.
    pub(crate) ttl_days: u32,
}

/// One target.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OutlineTarget {
    /// Its name.
    pub(crate) name: String,
    /// Kind of cluster.
    pub(crate) cluster: &'static str,
    /// What it waits for.
    pub(crate) depends: Vec<String>,
    /// Its components, and what is set on each.
    pub(crate) components: Vec<(String, Vec<String>)>,
}

/// One metric.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OutlineMetric {
    /// Its name.
    pub(crate) name: String,
    /// Its unit.
    pub(crate) unit: String,
    /// Targets it is asked for; none if it is asked for the whole run.
    pub(crate) targets: Vec<String>,
}

/// Returns what a run of a checked experiment would do.
pub(crate) fn outline(disk: &Disk, experiment: &Experiment) -> Result<Outline> {
    let catalog = disk.catalog();
    let spec = &experiment.spec;
    // Order does not depend on identity, so a run that does not exist yet can be asked for it.
    let mut example = experiment.clone();
    example.metadata.uid.get_or_insert_default();
    example.metadata.name.get_or_insert_default();
    example.metadata.namespace.get_or_insert_default();
    let ordered = run::Run::of(&example)
        .map(|run| run.targets().into_iter().cloned().collect::<Vec<_>>())
        .unwrap_or_default();
    let targets = ordered.iter().map(|target| OutlineTarget {
        name: target.name.clone(),
        cluster: target.cluster.kind.as_str(),
        depends: target.depends.clone(),
        components: target
            .components
            .iter()
            .map(|reference| {
                let entry = catalog
                    .components
                    .get(reference.name())
                    .and_then(|spec| Entry::read(spec).ok())
                    .unwrap_or_default();
                let values = entry.values(&reference.params, "").unwrap_or_default();
                (
                    reference.name().to_owned(),
                    values.into_iter().map(|(name, value)| format!("{name}={value}")).collect(),
                )
            })
            .collect(),
    });
    let metrics = run::metrics(spec).into_iter().map(|metric| OutlineMetric {
        targets: run::targets_of(spec, &metric).into_iter().flatten().map(str::to_owned).collect(),
        unit: metric.unit.unwrap_or_else(|| "1".into()),
        name: metric.name,
    });
    let deadlines = [("deploy", DEPLOY_DEADLINE), ("workflow", RUN_DEADLINE), ("collect", COLLECT_DEADLINE)];
    let free = spec.targets.iter().all(|target| target.cluster.kind == ClusterType::Hub);
    Ok(Outline {
        experiment: experiment
            .metadata
            .generate_name
            .clone()
            .or_else(|| experiment.metadata.name.clone())
            .unwrap_or_default(),
        targets: targets.collect(),
        workflow: spec.workflow.template.clone(),
        metrics: metrics.collect(),
        claim: spec.hypothesis.as_ref().map(|hypothesis| hypothesis.claim.clone()),
        cost_usd: free.then_some(0.0),
        deadlines: deadlines.map(|(stage, deadline)| (stage.to_owned(), format!("{deadline:#}"))).to_vec(),
        ttl_days: spec.ttl_days,
    })
}
