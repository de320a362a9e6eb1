//! The rules of money: machine types and zones that have no price have no cluster either, or are at least said.

use super::unknown;
use crate::machines::{self, Shape, is_of, machine};
use crate::price;
use crate::problem::{Problem, did_you_mean};
use testbed_api::ExperimentSpec;
use testbed_api::experiment::{ClusterType, Target};

/// Returns what is wrong with machine type and zone of a target's cluster.
pub(super) fn machine_and_zone(target: &Target, field: &str) -> Vec<Problem> {
    let cluster = &target.cluster;
    let mut problems = Vec::new();
    if matches!(cluster.kind, ClusterType::Hub | ClusterType::Existing) {
        return problems;
    }
    if let Some(name) = &cluster.machine_type {
        let field = format!("{field}.cluster.machineType");
        match machine(name) {
            Some(found) if is_of(found, cluster.kind) => {}
            Some(found) => problems.push(
                Problem::error(field, format!("`{name}` is a machine type of {}", found.cloud.as_str()))
                    .hint(format!("the target is of type {}", cluster.kind.as_str())),
            ),
            None => problems.push(unknown_machine(field, cluster.kind, name)),
        }
    }
    if let Some(zone) = cluster.zone.as_deref().filter(|_| price::is_paid(cluster.kind))
        && price::region(cluster.kind, zone).is_none()
    {
        let kind = cluster.kind.as_str();
        let example = machines::default_zone(cluster.kind).unwrap_or_default();
        problems.push(
            Problem::error(format!("{field}.cluster.zone"), format!("`{zone}` is not a zone of {kind}"))
                .hint(format!("write it as `{example}`")),
        );
    }
    problems
}

/// There are hundreds of types: the hint names one that is alike, or those of the default's series.
fn unknown_machine(field: String, kind: ClusterType, name: &str) -> Problem {
    let series = machines::default_machine(kind)
        .unwrap_or_default()
        .split(|c: char| c == '-' || c == '.' || c.is_ascii_digit())
        .next()
        .unwrap_or_default();
    match did_you_mean(name, machines::names(kind)) {
        Some(_) => unknown(field, "machine type", name, machines::names(kind)),
        None => unknown(
            field,
            "machine type",
            name,
            machines::names(kind).filter(|name| name.starts_with(series)),
        ),
    }
}

/// Returns what is wrong with what a run costs.
pub(super) fn cost(spec: &ExperimentSpec) -> Vec<Problem> {
    let mut problems = Vec::new();
    let budget = spec.budget.as_ref().and_then(|budget| budget.usd);
    let of_targets = spec.targets.iter().enumerate();
    for (index, target) in of_targets.filter(|(_, target)| price::is_paid(target.cluster.kind)) {
        // A type or zone that cannot be is refused for that, and has no price to speak of.
        if !machine_and_zone(target, "").is_empty() {
            return problems;
        }
        for (field, why) in price::rate(spec, target).unknown {
            let field = format!("spec.targets[{index}].cluster.{field}");
            problems.push(if budget.is_some() {
                Problem::error("spec.budget.usd", format!("cannot be held: {field}: {why}"))
                    .hint("take spec.budget.usd out, or choose what has a price")
            } else {
                Problem::warning(field, format!("{why}: nobody can say what this run costs"))
            });
        }
    }
    let estimate = price::estimate(spec);
    match (budget, estimate.usd) {
        (Some(budget), Some(usd)) if price::rounded(usd) > budget => problems.push(
            Problem::error(
                "spec.budget.usd",
                format!("is {}, and the run is expected to cost {}", price::shown(budget), price::shown(usd)),
            )
            .hint("allow more, or ask for fewer blocks or smaller clusters; `testbed plan` lists what costs what"),
        ),
        (None, _) if estimate.at_most_hourly_usd.is_some_and(|usd| usd > price::HOURLY_WITHOUT_BUDGET) => {
            let hourly = estimate.at_most_hourly_usd.unwrap_or_default();
            let shape = spec.targets.iter().map(|target| Shape::of(&target.cluster).node_count).sum::<u32>();
            problems.push(
                Problem::error(
                    "spec.budget.usd",
                    format!(
                        "is not given, and {shape} nodes cost up to {} per hour, more than the {} that need none",
                        price::shown(hourly),
                        price::shown(price::HOURLY_WITHOUT_BUDGET)
                    ),
                )
                .hint("say with spec.budget.usd what the run may cost"),
            );
        }
        _ => {}
    }
    problems
}
