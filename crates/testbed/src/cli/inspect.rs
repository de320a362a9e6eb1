//! `list`, `watch`, `show`, `why` and `catalog`: what there is, and how it stands.

use super::{RootArgument, RunNameAndCluster, experiment, output};
use crate::ops::connect::{ClusterArguments, connect};
use crate::ops::publish::{self, Lacking};
use crate::ops::{explain, runs};
use anyhow::Result;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use kube::ResourceExt;
use output::Format;
use serde_json::Value;
use std::process::ExitCode;
use testbed_api::Experiment;
use testbed_api::status::{CostStatus, Phase, TrialsStatus, TutorialStatus};
use testbed_core::{certificate, price};

#[derive(Args)]
pub(crate) struct ListArgs {
    /// Output format
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(flatten)]
    cluster: ClusterArguments,
}

/// Returns an object of the API as `kubectl` prints it: without what only servers read.
fn object(run: &Experiment) -> Result<Value> {
    let mut value = serde_json::to_value(run)?;
    if let Some(metadata) = value["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    Ok(value)
}

fn phase(run: &Experiment) -> &'static str {
    run.status.as_ref().and_then(|status| status.phase).map_or("Pending", Phase::as_str)
}

fn age(run: &Experiment) -> String {
    let created = run.metadata.creation_timestamp.as_ref();
    created
        .map_or_else(|| "<unknown>".into(), |created| output::age(Timestamp::now().duration_since(created.0)))
}

/// Lists runs.
pub(crate) async fn list(arguments: &ListArgs) -> Result<ExitCode> {
    let cluster = &arguments.cluster;
    let client = connect(cluster).await?;
    let found = runs::list(&client, &cluster.namespace).await?;
    let objects = found.iter().map(object).collect::<Result<Vec<_>>>()?;
    if output::print_whole(&output::list(&objects)?, arguments.output)? {
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.output == Format::Name {
        for run in &found {
            anstream::println!("experiment.experiments.illm.io/{}", run.name_any());
        }
        return Ok(ExitCode::SUCCESS);
    }
    if found.is_empty() {
        anstream::eprintln!(
            "no runs in namespace {}; start one with `testbed run hello-app`",
            cluster.namespace
        );
        return Ok(ExitCode::SUCCESS);
    }
    let wide = arguments.output == Format::Wide;
    let mut header = vec!["NAME", "PHASE", "VERDICT", "CLEANED", "AGE"];
    header.extend(wide.then_some(["TARGETS", "WAITS FOR", "RESULTS"]).into_iter().flatten());
    let mut table = output::table(&header);
    for run in &found {
        let status = run.status.clone().unwrap_or_default();
        let mut row = vec![
            run.name_any(),
            phase(run).to_owned(),
            status.hypothesis_result.clone().unwrap_or_else(|| "-".into()),
            if status.resources_cleaned == Some(true) { "yes" } else { "no" }.to_owned(),
            age(run),
        ];
        if wide {
            row.push(
                run.spec.targets.iter().map(|target| target.name.as_str()).collect::<Vec<_>>().join(","),
            );
            row.push(explain::waits_for(run).map_or_else(|| "-".into(), |condition| condition.type_.clone()));
            row.push(status.results_url.unwrap_or_else(|| "-".into()));
        }
        table.add_row(row);
    }
    output::print_table(&mut table);
    Ok(ExitCode::SUCCESS)
}

/// Returns the run that is named, and the client it was found with.
async fn found(arguments: &RunNameAndCluster) -> Result<(kube::Client, Experiment)> {
    let client = connect(&arguments.cluster).await?;
    let run = runs::find(&client, &arguments.cluster.namespace, &arguments.name.run).await?;
    Ok((client, run))
}

/// Follows a run that is under way.
pub(crate) async fn watch(arguments: &RunNameAndCluster) -> Result<ExitCode> {
    let (client, run) = found(arguments).await?;
    experiment::watch(&client, &run, None, experiment::Until::Over).await
}

#[derive(Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    run: RunNameAndCluster,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// Shows one run.
pub(crate) async fn show(arguments: &ShowArgs) -> Result<ExitCode> {
    let (_, run) = found(&arguments.run).await?;
    let format = arguments.output;
    if output::print_whole(&object(&run)?, format)? {
        return Ok(ExitCode::SUCCESS);
    }
    if format == Format::Name {
        anstream::println!("experiment.experiments.illm.io/{}", run.name_any());
        return Ok(ExitCode::SUCCESS);
    }
    print_run(&run);
    Ok(ExitCode::SUCCESS)
}

fn print_run(run: &Experiment) {
    let status = run.status.clone().unwrap_or_default();
    anstream::println!("Name      {}", run.name_any());
    anstream::println!("Phase     {}", phase(run));
    anstream::println!("Age       {}", age(run));
    if let Some(hypothesis) = &run.spec.hypothesis {
        anstream::println!("Claim     {}", output::plain(&hypothesis.claim));
        anstream::println!("Verdict   {}", status.hypothesis_result.as_deref().unwrap_or("not decided yet"));
    }
    if let Some(cost) = status.cost.as_ref().and_then(|cost| costs(run, cost)) {
        anstream::println!("Cost      {}", output::plain(&cost));
    }
    anstream::println!("Now       {}\n", output::plain(&explain::sentence(run, Timestamp::now())));
    let mut conditions = output::table(&["CONDITION", "STATUS", "REASON", "MESSAGE"]);
    for condition in &status.conditions {
        conditions.add_row([&condition.type_, &condition.status, &condition.reason, &condition.message]);
    }
    output::print_table(&mut conditions);
    anstream::println!();
    let mut targets = output::table(&["TARGET", "COMPONENT", "HEALTH", "SYNC", "REVISION", "NAMESPACE"]);
    for target in &status.targets {
        for component in &target.components {
            let revision = component
                .sources
                .first()
                .and_then(|source| source.target_revision.clone())
                .unwrap_or_default();
            targets.add_row([
                target.name.clone(),
                component.name.clone(),
                component.health.clone().unwrap_or_else(|| "-".into()),
                component.sync.clone().unwrap_or_else(|| "-".into()),
                revision.chars().take(19).collect(),
                target.namespace.clone().unwrap_or_default(),
            ]);
        }
    }
    output::print_table(&mut targets);
    match (&status.trials, &status.workflow_status) {
        (Some(trials), _) => print_trials(trials),
        (None, Some(workflow)) => {
            anstream::println!(
                "\nWorkflow  {} {}",
                workflow.name,
                workflow.phase.as_deref().unwrap_or("submitted")
            );
            for window in &workflow.windows {
                let target = output::plain(window.target.as_deref().unwrap_or("all targets"));
                anstream::println!("Window    {target}: {} to {}", window.start.0, window.end.0);
            }
        }
        (None, None) => {}
    }
    if let Some(tutorial) = &status.tutorial_status {
        print_tutorial(run, tutorial);
    }
    if let Some(results) = &status.results {
        anstream::println!("Result    {}", status.results_url.as_deref().unwrap_or(&results.key));
        anstream::println!("SHA-256   {}", results.sha256);
        if let Some(bundle) = &results.bundle {
            anstream::println!("Bundle    {}", bundle.key);
        }
    }
    if let Some(certificate) = &status.teardown_certificate {
        anstream::println!(
            "Teardown  {}, proven by {}",
            output::plain(&certificate::remains(&status, "it")),
            certificate.key
        );
    }
}

/// Says where a person who follows along finds things.
fn print_tutorial(run: &Experiment, tutorial: &TutorialStatus) {
    anstream::println!();
    let mut table = output::table(&["FOR YOU", "READY", "WHERE"]);
    for service in &tutorial.services {
        let ready = if service.ready { "yes" } else { "no" };
        table.add_row([&service.name, ready, service.endpoint.as_deref().unwrap_or("-")]);
    }
    let namespace = run.namespace().unwrap_or_default();
    for (target, secret) in &tutorial.kubeconfig_secrets {
        table.add_row([
            format!("kubeconfig of {target}"),
            "yes".into(),
            format!("Secret {namespace}/{secret}"),
        ]);
    }
    output::print_table(&mut table);
    if run.status.as_ref().is_none_or(|status| status.resources_cleaned != Some(true)) {
        anstream::println!("\nTutorial  `testbed tutorial {}` prints its steps", run.name_any());
    }
}

/// Says what a run costs, if anything is paid for.
fn costs(run: &Experiment, cost: &CostStatus) -> Option<String> {
    let as_of = cost.as_of.as_deref()?;
    let so_far = match cost.final_usd {
        Some(usd) => Some(format!("{} in all", price::shown(usd))),
        None => experiment::running(run).map(|usd| format!("{usd} so far")),
    };
    let amount = |usd: Option<f64>, what: &str| usd.map(|usd| what.replace("{}", &price::shown(usd)));
    let said: Vec<String> = so_far
        .into_iter()
        .chain(amount(cost.hourly_usd, "{} per hour"))
        .chain(amount(cost.estimate_usd, "{} expected"))
        .chain(amount(cost.at_most_usd, "at most {}"))
        .chain(cost.unknown.iter().cloned())
        .chain([format!("prices of {as_of}")])
        .collect();
    Some(said.join(", "))
}

/// Shows each trial that was begun, and whether it counts.
fn print_trials(trials: &TrialsStatus) {
    anstream::println!();
    let mut table = output::table(&["TRIAL", "VARIANT", "BEGUN", "STATE"]);
    for trial in &trials.begun {
        let state = match (&trial.void, &trial.record) {
            (Some(why), _) => format!("void: {why}"),
            (None, Some(_)) => "valid".into(),
            (None, None) => "under way".into(),
        };
        table.add_row([
            trial.slot.trial.clone(),
            trial.slot.variant.clone(),
            trial.begun_at.0.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
            state,
        ]);
    }
    output::print_table(&mut table);
    let stopped = trials.stopped.as_ref().map_or_else(String::new, |stop| format!("; {}", stop.message));
    anstream::println!(
        "\nTrials    {} valid, {} void, seed {}{}",
        trials.valid_count,
        trials.void_count,
        trials.seed,
        output::plain(&stopped)
    );
}

#[derive(Args)]
pub(crate) struct WhyArgs {
    #[command(flatten)]
    run: RunNameAndCluster,
    /// Output format
    #[arg(short, long, value_parser = output::nameless(), default_value = "table")]
    output: Format,
}

/// Says what a run waits for.
pub(crate) async fn why(arguments: &WhyArgs) -> Result<ExitCode> {
    let (client, run) = found(&arguments.run).await?;
    let explanation = explain::explain(&client, &run).await?;
    if !output::print_whole(&explanation, arguments.output)? {
        anstream::println!("{}", output::plain(&explanation.sentence));
        for pod in &explanation.pods {
            anstream::println!("  {}", output::plain(pod));
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Subcommand)]
pub(crate) enum CatalogCommand {
    /// List components and workflow templates
    List {
        /// Output format
        #[arg(short, long, value_enum, default_value_t = Format::Table)]
        output: Format,
        #[command(flatten)]
        root: RootArgument,
    },
    /// Publish all of them to the hub, so that `kubectl create -f` finds what it needs
    Push {
        #[command(flatten)]
        root: RootArgument,
        #[command(flatten)]
        cluster: ClusterArguments,
    },
}

/// Lists or publishes the catalog.
pub(crate) async fn catalog(command: &CatalogCommand) -> Result<ExitCode> {
    match command {
        CatalogCommand::List { output: format, root } => {
            let disk = root.disk()?;
            let components =
                disk.components.values().map(|component| serde_json::to_value(&component.object));
            let mut all: Vec<Value> = components.collect::<Result<_, _>>()?;
            all.extend(disk.templates.values().cloned());
            if output::print_whole(&output::list(&all)?, *format)? {
                return Ok(ExitCode::SUCCESS);
            }
            if *format == Format::Name {
                let components = disk.components.keys().map(|name| format!("component/{name}"));
                let templates = disk.templates.keys().map(|name| format!("workflowtemplate/{name}"));
                components.chain(templates).for_each(|name| anstream::println!("{name}"));
                return Ok(ExitCode::SUCCESS);
            }
            let mut table = output::table(&["NAME", "KIND", "DESCRIPTION"]);
            for (name, component) in &disk.components {
                table.add_row([
                    name.as_str(),
                    "Component",
                    component.object.spec.description.as_deref().unwrap_or(""),
                ]);
            }
            for (name, template) in &disk.templates {
                let described = template.pointer("/metadata/annotations/workflows.argoproj.io~1description");
                table.add_row([
                    name.as_str(),
                    "WorkflowTemplate",
                    described.and_then(Value::as_str).unwrap_or("").trim(),
                ]);
            }
            output::print_table(&mut table);
        }
        CatalogCommand::Push { root, cluster } => {
            let disk = root.disk()?;
            let client = connect(cluster).await?;
            let published = publish::publish(&client, &disk, |_| true, |_| true, Lacking::LeftOut).await?;
            for (name, digest) in published.components {
                anstream::println!(
                    "component {name} {}",
                    digest.as_deref().unwrap_or("(its sources are elsewhere)")
                );
            }
            for name in published.templates {
                anstream::println!("template {name}");
            }
            for failure in published.left_out {
                let hint = failure.hint.map_or_else(String::new, |hint| format!(": `{hint}` makes it"));
                anstream::eprintln!("left out: {}{hint}", output::plain(&failure.message));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
