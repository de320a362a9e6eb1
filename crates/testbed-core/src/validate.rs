//! The rules of an Experiment and a Component: one set, used on admission, by `testbed validate`, and by the first stage.

mod cost;
mod trials;

pub use trials::least_blocks;

use crate::agent::{self, AgentSettings};
use crate::catalog::{Entry, is_label};
use crate::problem::{Problem, did_you_mean};
use crate::query::{self, QueryError};
use crate::reference::{Reference, ReferenceError, interpolate};
use std::collections::{BTreeMap, BTreeSet};
use testbed_api::component::ComponentSpec;
use testbed_api::experiment::{ClusterType, ComponentRef, ExperimentSpec, Metric, Target};

/// Longest name of an Experiment: it is also the value of a label.
pub const MAX_NAME: usize = 63;

/// What an Experiment may refer to.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// Components, by name.
    pub components: BTreeMap<String, ComponentSpec>,
    /// WorkflowTemplates, by name, with the parameters they declare.
    pub templates: BTreeMap<String, Vec<TemplateParameter>>,
    /// How the hub observes targets.
    pub agent: AgentSettings,
}

/// A parameter of a WorkflowTemplate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateParameter {
    /// Its name.
    pub name: String,
    /// It has a value unless one is given.
    pub has_default: bool,
}

/// Returns everything wrong with an Experiment, in the order of its fields.
#[must_use]
pub fn experiment(name: &str, spec: &ExperimentSpec, catalog: &Catalog) -> Vec<Problem> {
    let mut problems = Vec::new();
    if name.len() > MAX_NAME {
        problems.push(
            Problem::error("metadata.name", format!("has {} characters, more than {MAX_NAME}", name.len()))
                .hint("a generateName may have at most 58, as 5 are added to it"),
        );
    }
    problems.extend(targets(spec, catalog));
    problems.extend(trials::trials(spec, catalog));
    problems.extend(cost::cost(spec));
    problems.extend(workflow(spec, catalog));
    problems.extend(metrics(spec));
    problems.extend(hypothesis(spec));
    problems.extend(tutorial(spec, catalog));
    problems.extend(without_effect(spec));
    problems
}

/// Returns everything wrong with a Component.
#[must_use]
pub fn component(spec: &ComponentSpec) -> Vec<Problem> {
    match Entry::read(spec) {
        Err(problems) => problems,
        Ok(entry) if entry.sources.is_empty() => {
            vec![
                Problem::error("spec.sources", "is empty, so there is nothing to deploy")
                    .hint("publish a folder of the catalog with `testbed catalog push`, or name a source"),
            ]
        }
        Ok(_) => Vec::new(),
    }
}

fn targets(spec: &ExperimentSpec, catalog: &Catalog) -> Vec<Problem> {
    let mut problems = Vec::new();
    if spec.targets.is_empty() {
        problems.push(Problem::error("spec.targets", "is empty").hint("name at least one target"));
    }
    let names: Vec<&str> = spec.targets.iter().map(|target| target.name.as_str()).collect();
    for (index, target) in spec.targets.iter().enumerate() {
        let field = format!("spec.targets[{index}]");
        if target.name.is_empty() {
            problems.push(Problem::error(format!("{field}.name"), "is empty"));
        } else if names[..index].contains(&target.name.as_str()) {
            problems.push(
                Problem::error(
                    format!("{field}.name"),
                    format!("`{}` is the name of another target", target.name),
                )
                .hint("target names are unique within an experiment"),
            );
        }
        problems.extend(cluster(target, &field));
        problems.extend(observability(target, catalog, &field));
        problems.extend(cost::machine_and_zone(target, &field));
        problems.extend(depends(target, &names, &field));
        problems.extend(components(target, spec, catalog, &field));
    }
    if let Some(cycle) = cycle(&spec.targets) {
        problems.push(
            Problem::error("spec.targets[].depends", format!("is a cycle: {}", cycle.join(" → ")))
                .hint("remove one of these dependencies"),
        );
    }
    problems
}

fn cluster(target: &Target, field: &str) -> Vec<Problem> {
    let cluster = &target.cluster;
    let kind = cluster.kind.as_str();
    let mut problems = Vec::new();
    if (cluster.kind == ClusterType::Existing) != cluster.kubeconfig_secret.is_some() {
        let field = format!("{field}.cluster.kubeconfigSecret");
        problems.push(if cluster.kind == ClusterType::Existing {
            Problem::error(field, "is missing: it is the only way to a cluster that someone else owns")
                .hint("name a Secret beside the Experiment that has the key `kubeconfig`")
        } else {
            Problem::error(field, format!("is only of use for a target of type existing, not {kind}"))
                .hint("remove it")
        });
    }
    if cluster.kind.is_made() {
        return problems;
    }
    let set = [
        ("zone", cluster.zone.is_some()),
        ("nodeCount", cluster.node_count.is_some()),
        ("machineType", cluster.machine_type.is_some()),
        ("diskSizeGb", cluster.disk_size_gb.is_some()),
        ("preemptible", cluster.preemptible),
        ("version", cluster.version.is_some()),
    ];
    problems.extend(set.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| {
        Problem::warning(
            format!("{field}.cluster.{name}"),
            format!("has no effect on a target of type {kind}, which is already there"),
        )
    }));
    problems
}

/// What is brought into a target must be in the catalog, and must not stand in its way.
fn observability(target: &Target, catalog: &Catalog, field: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let field = format!("{field}.observability");
    for name in agent::components(target, &catalog.agent) {
        if target.components.iter().any(|reference| reference.name() == name) {
            problems.push(
                Problem::error(&field, format!("brings component `{name}`, which the target names itself"))
                    .hint("remove the component: the lab brings it, with what it needs"),
            );
        }
        if !catalog.components.contains_key(&name) {
            let problem =
                Problem::error(&field, format!("brings component `{name}`, which is not in the catalog"));
            problems.push(problem.hint("publish it with `testbed catalog push`"));
        }
    }
    if target.cluster.kind != ClusterType::Hub && !agent::is_observed(target) {
        problems.push(
            Problem::warning(field, "is not enabled, so the hub knows nothing of the pods in this target")
                .hint("set observability: {enabled: true, transport: direct}"),
        );
    }
    problems
}

fn depends(target: &Target, names: &[&str], field: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, name) in target.depends.iter().enumerate() {
        let field = format!("{field}.depends[{index}]");
        if *name == target.name {
            problems
                .push(Problem::error(field, format!("target `{name}` depends on itself")).hint("remove it"));
        } else if !names.contains(&name.as_str()) {
            problems.push(unknown(field, "target", name, names.iter().copied()));
        }
    }
    problems
}

/// Returns a cycle of dependencies, first name repeated at its end, if there is one.
fn cycle(targets: &[Target]) -> Option<Vec<String>> {
    fn visit<'a>(
        name: &'a str,
        edges: &BTreeMap<&'a str, Vec<&'a str>>,
        path: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> Option<Vec<String>> {
        if let Some(start) = path.iter().position(|seen| *seen == name) {
            // A target that names itself is said at its own field.
            return (path.len() - start > 1)
                .then(|| path[start..].iter().chain([&name]).map(ToString::to_string).collect());
        }
        if done.contains(name) {
            return None;
        }
        path.push(name);
        let found = edges.get(name).into_iter().flatten().find_map(|next| visit(next, edges, path, done));
        path.pop();
        done.insert(name);
        found
    }
    let edges: BTreeMap<&str, Vec<&str>> =
        targets.iter().map(|t| (t.name.as_str(), t.depends.iter().map(String::as_str).collect())).collect();
    let mut done = BTreeSet::new();
    targets.iter().find_map(|target| visit(&target.name, &edges, &mut Vec::new(), &mut done))
}

fn components(target: &Target, spec: &ExperimentSpec, catalog: &Catalog, field: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, reference) in target.components.iter().enumerate() {
        let field = format!("{field}.components[{index}]");
        let given = [&reference.app, &reference.workflow, &reference.config].into_iter().flatten().count();
        if given != 1 {
            problems.push(
                Problem::error(field, format!("names {given} components"))
                    .hint("give exactly one of app, workflow and config"),
            );
            continue;
        }
        let name = reference.name();
        if !seen.insert(name) {
            problems.push(
                Problem::error(&field, format!("component `{name}` is there twice")).hint("remove one"),
            );
        }
        problems.extend(component_reference(reference, target, spec, catalog, &field));
    }
    problems
}

fn component_reference(
    reference: &ComponentRef,
    target: &Target,
    spec: &ExperimentSpec,
    catalog: &Catalog,
    field: &str,
) -> Vec<Problem> {
    let name = reference.name();
    let Some(component) = catalog.components.get(name) else {
        return vec![unknown(
            field.to_owned(),
            "component",
            name,
            catalog.components.keys().map(String::as_str),
        )];
    };
    let entry = match Entry::read(component) {
        Ok(entry) => entry,
        Err(problems) => {
            let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
            return vec![Problem::error(
                field,
                format!("component `{name}` cannot be used: {}", said.join("; ")),
            )];
        }
    };
    let field = format!("{field}.params");
    let mut problems = entry.values(&reference.params, &field).err().unwrap_or_default();
    problems.extend(entry.without_effect(&reference.params, &field));
    for (key, value) in &reference.params {
        problems.extend(references(value, spec, catalog, &format!("{field}[{key}]"), Some(target)));
    }
    problems
}

/// Checks the references of a text. What stands within target `inside` may only refer to what is ready before it.
fn references(
    text: &str,
    spec: &ExperimentSpec,
    catalog: &Catalog,
    field: &str,
    inside: Option<&Target>,
) -> Option<Problem> {
    let resolve = |reference: Reference<'_>| -> Result<String, Problem> {
        let (name, component) = match reference {
            Reference::Namespace { target } => (target, None),
            Reference::Endpoint { target, component } | Reference::Address { target, component } => {
                (target, Some(component))
            }
        };
        let Some(target) = spec.targets.iter().find(|target| target.name == name) else {
            return Err(unknown(
                field.to_owned(),
                "target",
                name,
                spec.targets.iter().map(|t| t.name.as_str()),
            ));
        };
        let Some(component) = component else { return Ok(String::new()) };
        if !target.components.iter().any(|reference| reference.name() == component) {
            return Err(unknown(
                field.to_owned(),
                &format!("component of target `{name}`"),
                component,
                target.components.iter().map(ComponentRef::name),
            ));
        }
        if let Some(inside) =
            inside.filter(|inside| inside.name != name && !inside.depends.iter().any(|d| d == name))
        {
            return Err(Problem::error(
                field,
                format!("refers to target `{name}`, which may not be ready yet"),
            )
            .hint(format!("add `{name}` to depends of target `{}`", inside.name)));
        }
        if let Some(inside) = inside.filter(|inside| inside.name != name)
            && target.cluster.kind == ClusterType::Hub
            && inside.cluster.kind != ClusterType::Hub
        {
            return Err(Problem::error(
                field,
                format!("refers to target `{name}` on the hub, whose Services no other cluster can reach"),
            )
            .hint(format!("give target `{name}` a cluster of its own, or put both on the hub")));
        }
        let endpoint = catalog.components.get(component).and_then(|spec| spec.endpoint.as_ref());
        endpoint.map(|_| String::new()).ok_or_else(|| {
            Problem::error(field, format!("component `{component}` has no endpoint"))
                .hint("give the Component an endpoint: {service, port}")
        })
    };
    match interpolate(text, resolve) {
        Ok(_) => None,
        Err(ReferenceError::Unresolved(problem)) => Some(problem),
        Err(ReferenceError::Malformed(text)) => {
            Some(Problem::error(field, format!("`{text}` is not a reference")).hint(
                "write ${targets.<target>.namespace}, ${targets.<target>.<component>.endpoint} or .address",
            ))
        }
    }
}

fn workflow(spec: &ExperimentSpec, catalog: &Catalog) -> Vec<Problem> {
    let template = &spec.workflow.template;
    let mut problems = Vec::new();
    match catalog.templates.get(template) {
        None => problems.push(unknown(
            "spec.workflow.template".into(),
            "WorkflowTemplate",
            template,
            catalog.templates.keys().map(String::as_str),
        )),
        Some(parameters) => {
            for name in spec.workflow.params.keys() {
                if !parameters.iter().any(|parameter| parameter.name == *name) {
                    problems.push(unknown(
                        format!("spec.workflow.params[{name}]"),
                        &format!("parameter of template `{template}`"),
                        name,
                        parameters.iter().map(|parameter| parameter.name.as_str()),
                    ));
                }
            }
            for parameter in parameters {
                let by_variants = !spec.variants.is_empty()
                    && spec.variants.iter().all(|variant| variant.params.contains_key(&parameter.name));
                let given = spec.workflow.params.contains_key(&parameter.name)
                    || by_variants
                    || crate::build::provides(spec, &parameter.name);
                if !parameter.has_default && !given {
                    problems.push(Problem::error(
                        format!("spec.workflow.params[{}]", parameter.name),
                        format!("is required by template `{template}` and not given"),
                    ));
                }
            }
        }
    }
    problems.extend(parameters(&spec.workflow.params, spec, catalog, "spec.workflow.params"));
    problems
}

/// What a workflow may be given, by the run or by a variant.
fn parameters(
    params: &BTreeMap<String, String>,
    spec: &ExperimentSpec,
    catalog: &Catalog,
    field: &str,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, value) in params {
        let field = format!("{field}[{name}]");
        if name == "experiment-name" {
            problems.push(
                Problem::error(
                    &field,
                    "is given by the lab: the series of the load bear it as the name of their run",
                )
                .hint("remove it"),
            );
        }
        // Argo Workflows fills in a value and looks at the result again.
        if value.contains("{{") {
            problems.push(
                Problem::error(&field, "holds `{{`, which Argo Workflows would fill in or evaluate")
                    .hint("write it in the WorkflowTemplate, whose author decides what is evaluated"),
            );
        }
        problems.extend(references(value, spec, catalog, &field, None));
    }
    problems
}

fn metrics(spec: &ExperimentSpec) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, metric) in spec.metrics.iter().enumerate() {
        let field = format!("spec.metrics[{index}]");
        if spec.metrics[..index].iter().any(|other| other.name == metric.name) {
            problems.push(Problem::error(
                format!("{field}.name"),
                format!("`{}` is the name of another metric", metric.name),
            ));
        }
        problems.extend(metric_query(metric, &field));
        problems.extend(trials::measured(spec, metric, &field));
        for (at, name) in metric.targets.iter().enumerate() {
            if !spec.targets.iter().any(|target| target.name == *name) {
                let names = spec.targets.iter().map(|target| target.name.as_str());
                problems.push(unknown(format!("{field}.targets[{at}]"), "target", name, names));
            }
        }
    }
    problems
}

fn metric_query(metric: &Metric, field: &str) -> Option<Problem> {
    let field = format!("{field}.query");
    match query::check(&metric.query) {
        Ok(()) => None,
        Err(QueryError::Syntax(reason)) => {
            Some(Problem::error(field, format!("does not parse: {}", reason.trim())))
        }
        Err(QueryError::Deep) => Some(
            Problem::error(field, "has too many expressions within one another")
                .hint("split it, or record a part of it as a series of its own"),
        ),
        Err(QueryError::UnknownVariable(name)) => Some(unknown_variable(field, &name)),
        Err(QueryError::Unquoted(variable)) => {
            let name = variable.name();
            Some(
                Problem::error(
                    field,
                    format!("has ${name} outside of quotes, where its value is read as PromQL"),
                )
                .hint(format!("match a label with it: {{{}=\"${name}\"}}", name.to_lowercase())),
            )
        }
    }
}

fn unknown_variable(field: String, name: &str) -> Problem {
    let known: Vec<&str> = query::Variable::ALL.iter().map(|variable| variable.name()).collect();
    let hint = match did_you_mean(name, known.iter().copied()) {
        Some(close) => format!("did you mean `${close}`?"),
        None => format!(
            "there are {}",
            known.iter().map(|name| format!("${name}")).collect::<Vec<_>>().join(", ")
        ),
    };
    Problem::error(field, format!("names the unknown variable `${name}`")).hint(hint)
}

fn hypothesis(spec: &ExperimentSpec) -> Vec<Problem> {
    let Some(hypothesis) = &spec.hypothesis else { return Vec::new() };
    let metrics = crate::run::metrics(spec);
    let names = || metrics.iter().map(|metric| metric.name.as_str());
    let mut problems = Vec::new();
    for (index, criterion) in hypothesis.criteria.iter().enumerate() {
        let field = format!("spec.hypothesis.criteria[{index}]");
        let Some(metric) = metrics.iter().find(|metric| metric.name == criterion.metric) else {
            problems.push(unknown(format!("{field}.metric"), "metric", &criterion.metric, names()));
            continue;
        };
        if !criterion.value.is_finite() || criterion.value <= 0.0 {
            problems.push(
                Problem::error(format!("{field}.value"), "is not a positive number")
                    .hint("it is the bound of a ratio"),
            );
        }
        if let [first, second] = &criterion.compare[..] {
            if first == second {
                problems.push(Problem::error(
                    format!("{field}.compare"),
                    format!("compares `{first}` with itself"),
                ));
            }
        } else {
            problems.push(Problem::error(format!("{field}.compare"), "does not name two of them"));
        }
        for (at, name) in criterion.compare.iter().enumerate() {
            let field = format!("{field}.compare[{at}]");
            problems.extend(if spec.trials.is_some() {
                compared_variant(spec, metric, name, field)
            } else {
                compared_target(spec, metric, name, field)
            });
        }
    }
    if spec.trials.is_none() && !(hypothesis.criteria.is_empty() && hypothesis.success_criteria.is_empty()) {
        problems.push(
            Problem::warning("spec.hypothesis", "cannot be decided: without trials there is one measurement")
                .hint("add spec.variants and spec.trials"),
        );
    }
    for (index, criterion) in hypothesis.success_criteria.iter().enumerate() {
        let field = format!("spec.hypothesis.successCriteria[{index}]");
        if !metrics.iter().any(|metric| metric.name == criterion.metric) {
            problems.push(unknown(format!("{field}.metric"), "metric", &criterion.metric, names()));
        }
        if !criterion.value.parse::<f64>().is_ok_and(f64::is_finite) {
            problems.push(Problem::error(
                format!("{field}.value"),
                format!("`{}` is not a number", criterion.value),
            ));
        }
    }
    problems
}

fn compared_variant(spec: &ExperimentSpec, metric: &Metric, name: &str, field: String) -> Option<Problem> {
    let Some(variant) = spec.variant(name) else {
        let names = spec.variants.iter().map(|variant| variant.name.as_str());
        return Some(unknown(field, "variant", name, names));
    };
    (!metric.is_of(variant.target())).then(|| {
        Problem::error(field, format!("metric `{}` is not measured for `{name}`", metric.name))
            .hint(format!("add `{}` to its targets", variant.target()))
    })
}

fn compared_target(spec: &ExperimentSpec, metric: &Metric, name: &str, field: String) -> Option<Problem> {
    if crate::run::targets_of(spec, metric).contains(&Some(name)) {
        return None;
    }
    let targets = || spec.targets.iter().map(|target| target.name.as_str());
    let hint = if targets().any(|target| target == name) {
        "name $NAMESPACE or $TARGET in its query, and the target in its targets".to_owned()
    } else {
        did_you_mean(name, targets()).map_or_else(
            || "it must be a target of this experiment".to_owned(),
            |close| format!("did you mean `{close}`?"),
        )
    };
    Some(Problem::error(field, format!("metric `{}` is not measured for `{name}`", metric.name)).hint(hint))
}

fn tutorial(spec: &ExperimentSpec, catalog: &Catalog) -> Vec<Problem> {
    let services = spec.tutorial.iter().flat_map(|tutorial| tutorial.services.iter().enumerate());
    services
        .flat_map(|(index, service)| {
            let field = format!("spec.tutorial.services[{index}]");
            let names = || spec.targets.iter().map(|target| target.name.as_str());
            let target = (!names().any(|name| name == service.target))
                .then(|| unknown(format!("{field}.target"), "target", &service.target, names()));
            // It becomes a part of an address that people are told to open, and that commands of a tutorial hold.
            let service_name = (!is_label(&service.service)).then(|| {
                Problem::error(
                    format!("{field}.service"),
                    format!("`{}` is not the name of a Service", service.service),
                )
                .hint("write it as `kubectl get services` does")
            });
            // The namespace of a target is known once there is a run, so it is referred to.
            let namespace =
                references(&service.namespace, spec, catalog, &format!("{field}.namespace"), None);
            target.into_iter().chain(service_name).chain(namespace)
        })
        .collect()
}

/// Fields that are accepted for the sake of the files that have them, and that nothing acts on yet: said, not hidden.
fn without_effect(spec: &ExperimentSpec) -> Vec<Problem> {
    let observed = spec.targets.iter().position(|target| {
        target.observability.as_ref().is_some_and(|o| o.enabled) && !agent::is_observed(target)
    });
    let tenant = spec.targets.iter().position(|target| {
        target.observability.as_ref().is_some_and(|observability| observability.tenant.is_some())
    });
    [
        (
            spec.publish,
            "spec.publish".to_owned(),
            "nothing is published by this version; the result is stored",
        ),
        (spec.quality_gate.is_some(), "spec.qualityGate".to_owned(), "has no effect in this version"),
        (spec.analyzer_config.is_some(), "spec.analyzerConfig".to_owned(), "has no effect in this version"),
        (!spec.code_snippets.is_empty(), "spec.codeSnippets".to_owned(), "has no effect in this version"),
        (
            observed.is_some(),
            format!("spec.targets[{}].observability", observed.unwrap_or_default()),
            "brings no agent: targets on the hub are scraped by the hub",
        ),
        (
            tenant.is_some(),
            format!("spec.targets[{}].observability.tenant", tenant.unwrap_or_default()),
            "has no effect in this version: the store has one tenant",
        ),
    ]
    .into_iter()
    .filter(|(is_set, ..)| *is_set)
    .map(|(_, field, message)| Problem::warning(field, message))
    .collect()
}

fn unknown<'a>(field: String, what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Problem {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    let hint = match did_you_mean(name, known.iter().copied()) {
        Some(close) => format!("did you mean `{close}`?"),
        None if known.is_empty() => "there is none".to_owned(),
        None => format!("there are: {}", known.join(", ")),
    };
    Problem::error(field, format!("no {what} is named `{name}`")).hint(hint)
}
