//! `bundle` and `replay`.

use super::{RunName, complete_runs, experiment, output};
use crate::error::Failure;
use crate::ops::bundle::{self as ops, Outcome};
use crate::ops::connect::{ClusterArguments, connect};
use crate::ops::overrides::Override;
use crate::ops::runs;
use anyhow::{Context, Result};
use clap::Args;
use clap_complete::ArgValueCandidates;
use kube::ResourceExt;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use testbed_core::bundle::Checked;

#[derive(Args)]
#[command(after_help = "\
Examples:
  testbed bundle tsdb-comparison                  write <run>.bundle.json of its newest run
  testbed bundle tsdb-comparison-x7k2q -O -       print it
  testbed replay tsdb-comparison-x7k2q.bundle.json")]
pub(crate) struct BundleArgs {
    #[command(flatten)]
    name: RunName,
    /// File to write, `-` for standard output; <run>.bundle.json if none is given
    #[arg(short = 'O', long, value_name = "FILE")]
    output_file: Option<PathBuf>,
    #[command(flatten)]
    cluster: ClusterArguments,
}

/// Writes the bundle of a run.
pub(crate) async fn bundle(arguments: &BundleArgs) -> Result<ExitCode> {
    let client = connect(&arguments.cluster).await?;
    let run = runs::find(&client, &arguments.cluster.namespace, &arguments.name.run).await?;
    let name = run.name_any();
    // The very bytes whose digest stands in status.
    let bytes = ops::fetch(&client, &run).await?;
    let checked = ops::check(&bytes, &format!("the bundle of {name}"))?;
    let file = match &arguments.output_file {
        Some(file) => file.clone(),
        None => format!("{}.bundle.json", runs::file_name(&run)?).into(),
    };
    if file == Path::new("-") {
        std::io::stdout().write_all(&bytes)?;
    } else {
        fs::write(&file, &bytes).with_context(|| format!("failed to write {}", file.display()))?;
        let kibibytes = bytes.len().div_ceil(1024);
        anstream::eprintln!("written    {} ({kibibytes} KiB)", file.display());
    }
    let recorded = run.status.and_then(|status| status.results?.bundle);
    anstream::eprintln!("SHA-256    {}", recorded.map(|bundle| bundle.sha256).unwrap_or_default());
    print_left_out(&checked);
    Ok(ExitCode::SUCCESS)
}

fn print_left_out(checked: &Checked) {
    for left_out in &checked.bundle.left_out {
        anstream::eprintln!("left out   {}", output::plain(left_out));
    }
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  testbed replay tsdb-comparison-x7k2q                   the same again, on the hub it ran on
  testbed replay tsdb-comparison-x7k2q.bundle.json       the same from a file, on this hub
  testbed replay hello-app --detach                      submit the newest run of hello-app again and return
  testbed replay tsdb-comparison --set trials.blocks=2   shorter: the blocks that stay are the same")]
pub(crate) struct ReplayArgs {
    /// File of a bundle, or name of a run, or of an experiment for its newest run
    #[arg(value_name = "FILE|RUN", add = ArgValueCandidates::new(complete_runs))]
    from: String,
    /// Set a field of its specification, such as trials.blocks=6; may be given often
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = Override::parse)]
    overrides: Vec<Override>,
    /// Submit and return at once
    #[arg(long)]
    detach: bool,
    #[command(flatten)]
    cluster: ClusterArguments,
}

/// Runs the experiment of a bundle again.
pub(crate) async fn replay(arguments: &ReplayArgs) -> Result<ExitCode> {
    let cluster = &arguments.cluster;
    let file = Path::new(&arguments.from);
    // A file is read first: what is wrong with it is wrong without a cluster too.
    let from_file = if file.is_file() { Some(ops::from_file(file)?) } else { None };
    if from_file.is_none() && arguments.from.ends_with(".json") {
        return Err(Failure::usage(format!("there is no file {}", file.display())).into());
    }
    let client = connect(cluster).await?;
    let (checked, original) = match from_file {
        Some(checked) => (checked, arguments.from.clone()),
        None => {
            let run = runs::find(&client, &cluster.namespace, &arguments.from).await?;
            let name = run.name_any();
            let bytes = ops::fetch(&client, &run).await?;
            (ops::check(&bytes, &format!("the bundle of {name}"))?, name)
        }
    };
    let summary = &checked.bundle.summary;
    anstream::eprintln!("repeating  {} of {}", output::plain(&summary.name), summary.created_at.0);
    print_left_out(&checked);
    let replay = ops::replay(&client, &checked.bundle, &arguments.overrides).await?;
    for warning in &replay.warnings {
        anstream::eprintln!("warning: {}", output::plain(&warning.to_string()));
    }
    let restored = ops::restore(&client, &checked).await?;
    for (name, outcome) in &restored.artifacts {
        anstream::eprintln!("artifact   {name}: {}", said(*outcome));
    }
    for (name, outcome) in &restored.components {
        anstream::eprintln!("component  {name}: {}", said(*outcome));
    }
    let (template, outcome) = &restored.template;
    anstream::eprintln!("template   {template}: {}", said(*outcome));
    if let Some(seed) = replay.experiment.spec.trials.as_ref().and_then(|trials| trials.seed) {
        anstream::eprintln!("seed       {seed}");
    }
    let run = runs::submit(&client, &cluster.namespace, &replay.experiment).await?;
    let name = run.name_any();
    anstream::eprintln!("submitted  {name}");
    let compare = format!("Compare with the original:\n  testbed compare {original} {name}");
    if arguments.detach {
        anstream::println!("{name}");
        anstream::eprintln!("\n{compare}");
        return Ok(ExitCode::SUCCESS);
    }
    let code = experiment::watch(&client, &run, None, experiment::Until::Over).await?;
    anstream::println!("\n{compare}");
    Ok(code)
}

fn said(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Same => "there, and the same",
        Outcome::Created => "put there from the bundle",
        Outcome::Replaced => "another was there, and is replaced by the one of the bundle",
        Outcome::NotBundled => "not in the bundle: the one that is there is used, and may be another",
    }
}
