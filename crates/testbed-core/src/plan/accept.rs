//! `Accepted`: references are resolved, and what they resolve to is pinned in status.

use super::{Pass, Step};
use crate::agent;
use crate::catalog::Entry;
use crate::names;
use crate::price;
use crate::problem::Problem;
use crate::validate;
use testbed_api::conditions::Reason;
use testbed_api::experiment::Target;
use testbed_api::status::{ComponentStatus, ExperimentStatus, PinnedTemplate, TargetStatus};

/// Resolves and pins everything the run refers to.
///
/// What was refused on admission is refused here too: admission may have been passed by, and the catalog may have changed.
pub(super) fn accept(pass: &Pass<'_>, status: &mut ExperimentStatus) -> Step {
    let mut step = Step::done("");
    let (catalog, template) = match (pass.seen.catalog.known(), pass.seen.template.known()) {
        (Ok(catalog), Ok(template)) => (catalog.with(template.as_ref()), template),
        (Err(reason), _) | (_, Err(reason)) => {
            step.unreadable(pass, format!("the catalog cannot be read: {reason}"));
            return step;
        }
    };
    let problems = validate::experiment(pass.run.name, pass.run.spec, &catalog);
    let refused: Vec<String> =
        problems.iter().filter(|problem| problem.refuses()).map(Problem::to_string).collect();
    if !refused.is_empty() {
        let is_money = |problem: &Problem| !problem.refuses() || problem.field == "spec.budget.usd";
        let reason = if problems.iter().all(is_money) { Reason::OverBudget } else { Reason::InvalidSpec };
        return step.fail(reason, refused.join("; "));
    }
    status.cost = Some(price::status(pass.run.spec));
    status.targets = pass.run.spec.targets.iter().map(|target| pinned(pass, target, &catalog)).collect();
    status.template = template.as_ref().map(|template| PinnedTemplate {
        name: template.name.clone(),
        uid: template.uid.clone(),
        generation: template.generation,
        sha256: Some(names::sha256(template.spec.to_string().as_bytes())),
    });
    let components: usize = status.targets.iter().map(|target| target.components.len()).sum();
    Step::done(format!("{components} component{} pinned", if components == 1 { "" } else { "s" }))
        .because(Reason::SourcesPinned)
}

fn pinned(pass: &Pass<'_>, target: &Target, catalog: &validate::Catalog) -> TargetStatus {
    let components = target.components.iter().filter_map(|reference| {
        let name = reference.name();
        // Both were checked above, so that neither is ever left out.
        let entry = Entry::read(catalog.components.get(name)?).ok()?;
        let values = entry.values(&reference.params, "").ok()?;
        Some(ComponentStatus {
            name: name.to_owned(),
            sources: entry.sources,
            values,
            endpoint: entry.endpoint,
            metrics_store: entry.metrics_store.then_some(true),
            application: Some(pass.run.application_of(&target.name, name)),
            ..ComponentStatus::default()
        })
    });
    let brought = brought(pass, target, catalog);
    TargetStatus {
        name: target.name.clone(),
        namespace: Some(pass.run.namespace_of(&target.name)),
        components: brought.chain(components).collect(),
        ..TargetStatus::default()
    }
}

/// What the lab brings into a target with a cluster of its own, to observe it. The hub observes itself.
fn brought<'a>(
    pass: &'a Pass<'_>,
    target: &'a Target,
    catalog: &'a validate::Catalog,
) -> impl Iterator<Item = ComponentStatus> + 'a {
    agent::components(target, &catalog.agent).into_iter().filter_map(|name| {
        let entry = Entry::read(catalog.components.get(&name)?).ok()?;
        let values = entry.values(&agent::values(&pass.run, target, &name, &catalog.agent), "").ok()?;
        Some(ComponentStatus {
            sources: entry.sources,
            values,
            injected: Some(true),
            application: Some(pass.run.application_of(&target.name, &name)),
            name,
            ..ComponentStatus::default()
        })
    })
}
