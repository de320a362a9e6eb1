//! The command line: renders what `ops` returns, and nothing else.

mod bundle;
mod control;
mod evidence;
mod experiment;
mod hub;
mod inspect;
mod install;
pub(crate) mod output;
mod plot;
mod results;
mod tutorial;

use crate::error::explain;
use crate::ops::catalog::Disk;
use crate::ops::connect::{ClusterArguments, connect};
use crate::ops::runs;
use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use clap_complete::{ArgValueCandidates, CompletionCandidate, Shell};
use kube::ResourceExt;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Honest Kubernetes benchmarks: plan, run, measure, decide, and leave nothing behind
#[derive(Parser)]
#[command(
    name = "testbed",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  testbed hub up                      bring up a real Kubernetes on this machine
  testbed run hello-app               run the smallest experiment and follow it
  testbed run tsdb-comparison         compare two time series databases
  testbed why tsdb-comparison         what the newest run of it waits for, and why
  testbed results tsdb-comparison     its table, its intervals and its verdict
  testbed verify tsdb-comparison      the same figures, computed again from the samples

Exit codes: 0 done, 1 the run or anything else failed, 2 wrong usage or input, 3 no cluster answers,
4 the verdict is not the one that --expect names, 130 interrupted by Ctrl-C"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Where the catalog is.
#[derive(Args)]
pub(crate) struct RootArgument {
    /// Folder of the project, if the working folder is not in it
    #[arg(long, env = "TESTBED_ROOT", value_name = "FOLDER")]
    root: Option<PathBuf>,
}

impl RootArgument {
    /// Reads the catalog.
    pub(crate) fn disk(&self) -> Result<Disk> {
        Disk::read(self.root.as_deref())
    }
}

#[derive(Subcommand)]
enum Command {
    /// Bring up, look at, and take away the embedded hub
    Hub(hub::HubArgs),
    /// Check experiments and components without a cluster
    Validate(experiment::ValidateArgs),
    /// Say what a run would do, without a cluster
    Plan(experiment::PlanArgs),
    /// Publish what an experiment needs, submit it, and follow it to its result
    Run(experiment::RunArgs),
    /// Follow a run that is under way
    Watch(RunNameAndCluster),
    /// List runs
    #[command(visible_alias = "ls")]
    List(inspect::ListArgs),
    /// Show one run: its conditions, its targets, its workflow
    Show(inspect::ShowArgs),
    /// Print the steps of a run's tutorial with its own addresses, and follow it
    Tutorial(tutorial::TutorialArgs),
    /// Say what a run waits for, and why
    Why(inspect::WhyArgs),
    /// Show a result: its table with intervals, its pictures and its verdict
    Results(evidence::ResultArgs),
    /// Compute every figure and verdict of a result again from its samples, offline
    Verify(evidence::VerifyArgs),
    /// Compare the same metrics of two runs
    Compare(evidence::CompareArgs),
    /// Write the bundle of a run: all that is needed to run it again
    Bundle(bundle::BundleArgs),
    /// Run the experiment of a bundle again: same components, order and load
    Replay(bundle::ReplayArgs),
    /// Begin no further trial of a run until it is resumed
    Pause(RunNameAndCluster),
    /// Go on with a run that is paused
    Resume(RunNameAndCluster),
    /// End the trials of a run, decide from what is measured, and clean up
    Abort(RunNameAndCluster),
    /// Delete runs, with their stored results
    Delete(control::DeleteArgs),
    /// Components and workflow templates of this project
    #[command(subcommand)]
    Catalog(inspect::CatalogCommand),
    /// Print the script that makes a shell complete commands, experiments and runs
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// A run.
#[derive(Args)]
pub(crate) struct RunName {
    /// Name of a run, or of an experiment for its newest run
    #[arg(add = ArgValueCandidates::new(complete_runs))]
    pub(crate) run: String,
}

/// A run, and where it is.
#[derive(Args)]
pub(crate) struct RunNameAndCluster {
    #[command(flatten)]
    pub(crate) name: RunName,
    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,
}

impl Cli {
    /// Returns whether this process is to live on, whoever reads what it prints.
    pub(crate) fn is_daemon(&self) -> bool {
        matches!(&self.command, Command::Hub(arguments) if arguments.is_daemon())
    }

    /// Runs the command; says what went wrong, if anything did.
    pub(crate) async fn run(self) -> ExitCode {
        match self.dispatch().await {
            Ok(code) => code,
            Err(error) => {
                let (message, hint, code) = explain(&error);
                anstream::eprintln!("error: {}", output::plain(&message));
                if let Some(hint) = hint {
                    anstream::eprintln!("\nhint: {}", output::plain(&hint));
                }
                ExitCode::from(code)
            }
        }
    }

    async fn dispatch(self) -> Result<ExitCode> {
        match self.command {
            Command::Hub(arguments) => hub::run(arguments).await,
            Command::Validate(arguments) => experiment::validate(&arguments),
            Command::Plan(arguments) => experiment::plan(&arguments).await,
            Command::Run(arguments) => experiment::run(&arguments).await,
            Command::Watch(arguments) => inspect::watch(&arguments).await,
            Command::List(arguments) => inspect::list(&arguments).await,
            Command::Show(arguments) => inspect::show(&arguments).await,
            Command::Tutorial(arguments) => tutorial::tutorial(&arguments).await,
            Command::Why(arguments) => inspect::why(&arguments).await,
            Command::Results(arguments) => evidence::results(&arguments).await,
            Command::Verify(arguments) => evidence::verify(&arguments).await,
            Command::Compare(arguments) => evidence::compare(&arguments).await,
            Command::Bundle(arguments) => bundle::bundle(&arguments).await,
            Command::Replay(arguments) => bundle::replay(&arguments).await,
            Command::Pause(arguments) => control::pause(&arguments, true).await,
            Command::Resume(arguments) => control::pause(&arguments, false).await,
            Command::Abort(arguments) => control::abort(&arguments).await,
            Command::Delete(arguments) => control::delete(&arguments).await,
            Command::Catalog(command) => inspect::catalog(&command).await,
            Command::Completions { shell } => completions(shell),
        }
    }
}

fn completions(shell: Shell) -> Result<ExitCode> {
    let shells = clap_complete::env::Shells::builtins();
    let name = shell.to_string();
    if let Some(completer) = shells.completer(&name) {
        let mut script = Vec::new();
        completer.write_registration("COMPLETE", "testbed", "testbed", "testbed", &mut script)?;
        std::io::stdout().write_all(&script)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the experiments on disk.
pub(crate) fn complete_experiments() -> Vec<CompletionCandidate> {
    let experiments = Disk::read(None).map(|disk| disk.experiments).unwrap_or_default();
    experiments.into_keys().map(CompletionCandidate::new).collect()
}

/// Asks something that runs for what may stand at the cursor; nothing, if it does not answer at once.
fn candidates(names: impl Future<Output = Option<Vec<String>>>) -> Vec<CompletionCandidate> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let found = tokio::runtime::Runtime::new().ok().and_then(|runtime| {
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(1), names).await.ok()? })
    });
    found.unwrap_or_default().into_iter().map(CompletionCandidate::new).collect()
}

/// Returns the runs in the cluster that is up, if one is.
fn complete_runs() -> Vec<CompletionCandidate> {
    // As clap takes it, which does not read the variables of arguments that are not given yet.
    let kubeconfig = std::env::var_os("KUBECONFIG").map(Into::into);
    let arguments = ClusterArguments { kubeconfig, context: None, namespace: "experiments".into() };
    candidates(async {
        let client = connect(&arguments).await.ok()?;
        let runs = runs::list(&client, &arguments.namespace).await.ok()?;
        Some(runs.iter().map(ResourceExt::name_any).collect())
    })
}
