//! What a run would do, from the same functions that will decide it; without a cluster.

use super::catalog::Disk;
use anyhow::Result;
use serde::Serialize;
use testbed_api::experiment::Metric;
use testbed_api::{Experiment, ExperimentSpec, Summary};
use testbed_core::catalog::Entry;
use testbed_core::plan::{COLLECT_DEADLINE, DEPLOY_DEADLINE, RUN_DEADLINE};
use testbed_core::power::{self, Power};
use testbed_core::price::{self, Estimate};
use testbed_core::run;
use testbed_core::schedule::{Schedule, Timing};

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
    /// The trials, if there are any.
    pub(crate) trials: Option<OutlineTrials>,
    /// What the planned blocks can show of each criterion.
    pub(crate) power: Vec<Power>,
    /// What is claimed.
    pub(crate) claim: Option<String>,
    /// What the clusters are expected to cost in USD; none if a price is not known.
    pub(crate) cost_usd: Option<f64>,
    /// What costs what, by which prices, and what that takes for granted.
    pub(crate) cost: Estimate,
    /// How long each stage may take at most.
    pub(crate) deadlines: Vec<(String, String)>,
    /// Days after which the Experiment is deleted.
    pub(crate) ttl_days: u32,
}

/// The trials.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OutlineTrials {
    /// Names of the variants.
    pub(crate) variants: Vec<String>,
    /// Number of blocks.
    pub(crate) block_count: u32,
    /// Number of blocks of a variant against itself.
    pub(crate) aa_block_count: u32,
    /// Number of trials.
    pub(crate) trial_count: usize,
    /// Load of one trial: warm-up, window and cool-down, in seconds.
    pub(crate) load_seconds: f64,
    /// The part of it that is measured, in seconds.
    pub(crate) window_seconds: f64,
    /// About how long all trials take, in seconds.
    pub(crate) total_seconds: f64,
    /// Confidence of the verdict, from 0 to 1.
    pub(crate) confidence_ratio: f64,
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
    /// Targets, or in trials variants, it is asked for; none if it is asked for the whole run.
    pub(crate) targets: Vec<String>,
}

/// Returns what a run of a checked experiment would do.
pub(crate) fn outline(disk: &Disk, experiment: &Experiment, earlier: Option<&Summary>) -> Result<Outline> {
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
        targets: asked_for(spec, &metric),
        unit: metric.unit().to_owned(),
        name: metric.name,
    });
    let run = spec.trials.is_none().then_some(("workflow", RUN_DEADLINE));
    let deadlines =
        [("deploy", DEPLOY_DEADLINE)].into_iter().chain(run).chain([("collect", COLLECT_DEADLINE)]);
    let cost = price::estimate(spec);
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
        trials: trials(spec),
        power: power::power(spec, earlier),
        claim: spec.hypothesis.as_ref().map(|hypothesis| hypothesis.claim.clone()),
        cost_usd: cost.usd,
        cost,
        deadlines: deadlines.map(|(stage, deadline)| (stage.to_owned(), format!("{deadline:#}"))).collect(),
        ttl_days: spec.ttl_days,
    })
}

fn trials(spec: &ExperimentSpec) -> Option<OutlineTrials> {
    let trials = spec.trials.as_ref()?;
    let schedule = Schedule::of(spec, 0)?;
    let timing = Timing::of(trials);
    Some(OutlineTrials {
        variants: spec.variants.iter().map(|variant| variant.name.clone()).collect(),
        block_count: schedule.planned_blocks(),
        aa_block_count: trials.aa_blocks(),
        trial_count: schedule.slots().len(),
        load_seconds: timing.total().as_secs_f64(),
        window_seconds: timing.window.as_secs_f64(),
        total_seconds: schedule.time().as_secs_f64(),
        confidence_ratio: trials.confidence,
    })
}

/// Returns whom a metric is asked for.
fn asked_for(spec: &ExperimentSpec, metric: &Metric) -> Vec<String> {
    if spec.trials.is_none() {
        return run::targets_of(spec, metric).into_iter().flatten().map(str::to_owned).collect();
    }
    let asked = spec.variants.iter().filter(|variant| metric.is_of(variant.target()));
    asked.map(|variant| variant.name.clone()).collect()
}
