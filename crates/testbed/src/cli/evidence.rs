//! `results`, `verify` and `compare`: what came of runs.

use super::{complete_runs, output, results as render};
use crate::error::Failure;
use crate::ops::connect::ClusterArguments;
use crate::ops::stored;
use anyhow::Result;
use clap::Args;
use clap_complete::ArgValueCandidates;
use output::Format;
use std::io::Write;
use std::process::ExitCode;
use testbed_core::figure::{number, with_unit};

/// A result, and where it is.
#[derive(Args)]
struct Stored {
    /// Name of a run, or of an experiment for its newest run, or a file of a summary or bundle
    #[arg(value_name = "RUN|FILE", add = ArgValueCandidates::new(complete_runs))]
    name: String,
    #[command(flatten)]
    cluster: ClusterArguments,
}

#[derive(Args)]
pub(crate) struct ResultArgs {
    #[command(flatten)]
    stored: Stored,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

#[derive(Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    stored: Stored,
    /// Output format
    #[arg(short, long, value_parser = output::nameless(), default_value = "table")]
    output: Format,
}

/// Shows a result.
pub(crate) async fn results(arguments: &ResultArgs) -> Result<ExitCode> {
    let loaded = stored::load(&arguments.stored.cluster, &arguments.stored.name).await?;
    match arguments.output {
        // The very bytes whose digest stands in status.
        Format::Json => std::io::stdout().write_all(&loaded.bytes)?,
        Format::Yaml => drop(output::print_whole(&loaded.summary, Format::Yaml)?),
        Format::Name => {
            let status = loaded.run.and_then(|run| run.status);
            anstream::println!("{}", status.and_then(|status| status.results_url).unwrap_or_default());
        }
        Format::Table | Format::Wide => {
            render::print(&loaded.summary, loaded.run.as_ref(), arguments.output == Format::Wide);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Computes a result again.
pub(crate) async fn verify(arguments: &VerifyArgs) -> Result<ExitCode> {
    let loaded = stored::load(&arguments.stored.cluster, &arguments.stored.name).await?;
    let found = testbed_core::verify::verify(&loaded.summary);
    if !output::print_whole(&found, arguments.output)? {
        for note in &found.notes {
            anstream::println!("note: {}", output::plain(note));
        }
        for difference in &found.differences {
            anstream::println!(
                "differs: {}: recorded {}, computed {}",
                output::plain(&difference.path),
                output::plain(&difference.recorded),
                output::plain(&difference.computed)
            );
        }
    }
    if found.differences.is_empty() {
        anstream::eprintln!(
            "{}: {} figures and sentences computed again from the samples, no difference",
            output::plain(&loaded.summary.name),
            found.compared_count
        );
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::failed(format!(
        "{}: {} of {} figures and sentences are not what the samples say",
        loaded.summary.name,
        found.differences.len(),
        found.compared_count
    ))
    .into())
}

#[derive(Args)]
pub(crate) struct CompareArgs {
    /// Run, or file of a summary or bundle, that comes first
    #[arg(value_name = "RUN|FILE", add = ArgValueCandidates::new(complete_runs))]
    first: String,
    /// The one that comes second
    #[arg(value_name = "RUN|FILE", add = ArgValueCandidates::new(complete_runs))]
    second: String,
    /// Compare even if they ran on unlike machines, or on such as are not known
    #[arg(long)]
    across_machines: bool,
    /// Output format
    #[arg(short, long, value_parser = output::nameless(), default_value = "table")]
    output: Format,
    #[command(flatten)]
    cluster: ClusterArguments,
}

/// Compares two runs.
pub(crate) async fn compare(arguments: &CompareArgs) -> Result<ExitCode> {
    let first = stored::load(&arguments.cluster, &arguments.first).await?.summary;
    let second = stored::load(&arguments.cluster, &arguments.second).await?.summary;
    let found = testbed_core::compare::compare(&first, &second);
    if !found.machines.is_empty() && !arguments.across_machines {
        return Err(Failure::failed(format!(
            "{} and {} are not known to have run on like machines: {}",
            found.first,
            found.second,
            found.machines.join("; ")
        ))
        .hint("give --across-machines to compare them all the same")
        .into());
    }
    if output::print_whole(&found, arguments.output)? {
        return Ok(ExitCode::SUCCESS);
    }
    for unlike in found.machines.iter().chain(&found.subjects).chain(&found.asked) {
        anstream::println!("unlike: {}", output::plain(unlike));
    }
    let mut table =
        output::table(&["METRIC", "VARIANT", "FIRST MEDIAN", "SECOND MEDIAN", "SECOND / FIRST", "P"]);
    for row in &found.rows {
        table.add_row([
            row.metric.clone(),
            row.variant.clone(),
            format!("{} ({} trials)", with_unit(row.first_median, &row.unit), row.first_trial_count),
            format!("{} ({} trials)", with_unit(row.second_median, &row.unit), row.second_trial_count),
            row.ratio.map_or_else(|| "-".into(), |ratio| with_unit(ratio, "ratio")),
            row.adjusted_p_ratio.map_or_else(|| "-".into(), |p| format!("p = {}", number(p))),
        ]);
    }
    output::print_table(&mut table);
    anstream::println!(
        "\nMedians of all valid trials; ratio after Hodges and Lehmann, p after Mann, Whitney and Holm. The runs are not paired."
    );
    Ok(ExitCode::SUCCESS)
}
