//! `validate`, `plan`, `run` and `watch`.

use super::{RootArgument, complete_experiments, complete_runs, output, results};
use crate::error::{FAILED, Failure, INTERRUPTED, UNEXPECTED, USAGE};
use crate::ops::catalog::{self, Disk, check};
use crate::ops::connect::{ClusterArguments, connect};
use crate::ops::follow::{self, Change, is_over};
use crate::ops::overrides::{self, Override};
use crate::ops::plan::{Outline, outline};
use crate::ops::tutorial::{Readiness, experiment_of, readiness};
use crate::ops::{explain, publish, runs, stored};
use anyhow::Result;
use clap::{Args, ValueEnum};
use clap_complete::ArgValueCandidates;
use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{SignedDuration, Timestamp};
use kube::{Client, ResourceExt};
use output::Format;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use testbed_api::Experiment;
use testbed_api::conditions::Reason;
use testbed_api::experiment::{ClusterType, CompletionMode};
use testbed_api::status::{Phase, TrialStatus};
use testbed_core::figure::{number, percent, with_unit};
use testbed_core::price::{self, Estimate};
use testbed_core::problem::{Problem, Severity};

/// An experiment on disk.
#[derive(Args)]
pub(crate) struct ExperimentName {
    /// Name of an experiment in `experiments/`
    #[arg(required_unless_present = "file", add = ArgValueCandidates::new(complete_experiments))]
    experiment: Option<String>,
    /// File of an experiment
    #[arg(short, long, conflicts_with = "experiment", value_name = "FILE")]
    file: Option<PathBuf>,
    /// Set a field of its specification, such as trials.blocks=6 or variants.*.reset=none; may be given often
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = Override::parse)]
    overrides: Vec<Override>,
    /// Make every cluster local, gke, eks, aks or hub, but those that are the hub
    #[arg(long, value_name = "TYPE", value_parser = overrides::cluster_type)]
    target_type: Option<ClusterType>,
}

impl ExperimentName {
    fn file(&self, disk: &Disk) -> Result<PathBuf> {
        match (&self.file, &self.experiment) {
            (Some(file), _) => Ok(file.clone()),
            (None, Some(name)) => disk.experiment(name),
            (None, None) => Err(Failure::usage("no experiment is named").into()),
        }
    }

    /// Returns the experiment if nothing refuses it; warnings are printed.
    fn read(&self, disk: &Disk) -> Result<Experiment> {
        let file = self.file(disk)?;
        let mut raw = catalog::read_one(&file)?;
        for field in &self.overrides {
            field.apply(&mut raw)?;
        }
        if let Some(kind) = self.target_type {
            for line in overrides::set_target_type(&mut raw, kind) {
                anstream::eprintln!("changed    {}", output::plain(&line));
            }
        }
        let (experiment, problems) = catalog::check_beside(disk, &file, &raw)?;
        let (refused, warnings): (Vec<_>, Vec<_>) = problems.iter().partition(|problem| problem.refuses());
        for warning in warnings {
            anstream::eprintln!("warning: {}", output::plain(&warning.to_string()));
        }
        match experiment {
            Some(experiment) if refused.is_empty() => Ok(experiment),
            _ => Err(catalog::refusal(&format!("{} cannot be run", file.display()), &refused).into()),
        }
    }
}

#[derive(Args)]
pub(crate) struct ValidateArgs {
    /// Names of experiments in `experiments/`; all of them, and all components, if none is given
    #[arg(add = ArgValueCandidates::new(complete_experiments))]
    experiments: Vec<String>,
    /// Files of experiments
    #[arg(short, long, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// Output format
    #[arg(short, long, value_parser = output::nameless(), default_value = "table")]
    output: Format,
    #[command(flatten)]
    root: RootArgument,
}

/// Checks experiments and components with the rules of the API server and the operator.
pub(crate) fn validate(arguments: &ValidateArgs) -> Result<ExitCode> {
    let disk = arguments.root.disk()?;
    let mut files = arguments.file.clone();
    for name in &arguments.experiments {
        files.push(disk.experiment(name)?);
    }
    let mut found: BTreeMap<String, Vec<Problem>> = BTreeMap::new();
    if files.is_empty() {
        files.extend(disk.experiments.values().cloned());
        let components = catalog::check_components(&disk)?;
        found.extend(components.into_iter().map(|(file, problems)| (file.display().to_string(), problems)));
    }
    for file in files {
        let (_, problems) = check(&disk, &file)?;
        found.insert(file.display().to_string(), problems);
    }
    let valid = !found.values().flatten().any(Problem::refuses);
    if !output::print_whole(&found, arguments.output)? {
        for (file, problems) in &found {
            let refused = problems.iter().any(Problem::refuses);
            anstream::println!("{file}: {}", if refused { "refused" } else { "valid" });
            for problem in problems {
                let kind = if problem.severity == Severity::Error { "error" } else { "warning" };
                anstream::println!("  {kind}: {}", output::plain(&problem.to_string()));
            }
        }
    }
    Ok(if valid { ExitCode::SUCCESS } else { ExitCode::from(USAGE) })
}

#[derive(Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    name: ExperimentName,
    /// An earlier run, or a file of its result: the spread it found says how many blocks are needed
    #[arg(long, value_name = "RUN|FILE", add = ArgValueCandidates::new(complete_runs))]
    from: Option<String>,
    /// Output format
    #[arg(short, long, value_parser = output::nameless(), default_value = "table")]
    output: Format,
    #[command(flatten)]
    cluster: ClusterArguments,
    #[command(flatten)]
    root: RootArgument,
}

/// Says what a run would do.
pub(crate) async fn plan(arguments: &PlanArgs) -> Result<ExitCode> {
    let disk = arguments.root.disk()?;
    let experiment = arguments.name.read(&disk)?;
    let earlier = match &arguments.from {
        Some(name) => Some(stored::load(&arguments.cluster, name).await?.summary),
        None => None,
    };
    let outline = outline(&disk, &experiment, earlier.as_ref())?;
    if !output::print_whole(&outline, arguments.output)? {
        print_outline(&outline);
    }
    Ok(ExitCode::SUCCESS)
}

fn print_outline(outline: &Outline) {
    if let Some(claim) = &outline.claim {
        anstream::println!("Claim      {}", output::plain(claim));
    }
    for (index, target) in outline.targets.iter().enumerate() {
        let waits = if target.depends.is_empty() {
            String::new()
        } else {
            format!(", after {}", target.depends.join(", "))
        };
        let lead = if index == 0 { "Deploy   " } else { "         " };
        anstream::println!("{lead}  {} on cluster {}{waits}", target.name, target.cluster);
        for (component, values) in &target.components {
            anstream::println!("             {component}  {}", output::plain(&values.join(" ")));
        }
    }
    anstream::println!("Run        workflow {}", outline.workflow);
    for (index, metric) in outline.metrics.iter().enumerate() {
        let lead = if index == 0 { "Measure  " } else { "         " };
        let whom =
            if metric.targets.is_empty() { "the whole run".to_owned() } else { metric.targets.join(", ") };
        anstream::println!(
            "{lead}  {} [{}] of {whom}",
            output::plain(&metric.name),
            output::plain(&metric.unit)
        );
    }
    print_trials(outline);
    print_cost(&outline.cost);
    let deadlines: Vec<String> =
        outline.deadlines.iter().map(|(stage, deadline)| format!("{stage} {deadline}")).collect();
    anstream::println!("At most    {}", deadlines.join(", "));
    anstream::println!(
        "Leaves     the Experiment for {} day{}, its result until it is deleted",
        outline.ttl_days,
        if outline.ttl_days == 1 { "" } else { "s" }
    );
}

/// Says what costs what, for how long, and by which prices.
fn print_cost(cost: &Estimate) {
    let lasting = |seconds| output::age(SignedDuration::from_secs_f64(seconds));
    if cost.is_free() {
        let mut reasons: Vec<&str> = cost.items.iter().map(|item| item.what.as_str()).collect();
        reasons.sort_unstable();
        reasons.dedup();
        anstream::println!("Cost       {}, {}", price::shown(0.0), reasons.join(", "));
        return;
    }
    match (cost.usd, cost.at_most_usd) {
        (Some(usd), Some(at_most)) => anstream::println!(
            "Cost       {} expected, for {}; at most {}, for {}",
            price::shown(usd),
            lasting(cost.expected_seconds),
            price::shown(at_most),
            lasting(cost.at_most_seconds)
        ),
        _ => anstream::println!("Cost       not known: {}", cost.unknown.join("; ")),
    }
    let usd = |usd: Option<f64>, digits: usize| {
        usd.map_or_else(|| "not known".to_owned(), |usd| format!("{usd:.digits$}"))
    };
    let mut table = output::table(&["TARGET", "WHAT", "USD/H EACH", "COUNT", "USD/H", "USD"]);
    for item in &cost.items {
        table.add_row([
            item.target.clone(),
            item.what.clone(),
            usd(item.unit_usd, 4),
            number(item.quantity),
            usd(item.hourly_usd, 4),
            usd(item.usd, 2),
        ]);
    }
    for line in output::rendered(&mut table).lines() {
        anstream::println!("           {line}");
    }
    for list in &cost.lists {
        anstream::println!("           {}: prices of {}, {}", list.cloud, list.as_of, list.source);
    }
    for said in &cost.assumptions {
        anstream::println!("           {said}");
    }
}

/// Says how often is measured, how long that takes, and what it can show.
fn print_trials(outline: &Outline) {
    let Some(trials) = &outline.trials else {
        anstream::println!("Decide     nothing: there are no trials, so what is measured are observations");
        return;
    };
    let aa = match trials.aa_block_count {
        0 => String::new(),
        count => format!(" and {count} blocks of one against itself"),
    };
    anstream::println!("Trials     {} blocks of {}{aa}", trials.block_count, trials.variants.join(", "));
    anstream::println!(
        "           {} trials of {} load, {} of it measured: about {}",
        trials.trial_count,
        with_unit(trials.load_seconds, "seconds"),
        with_unit(trials.window_seconds, "seconds"),
        output::age(SignedDuration::from_secs_f64(trials.total_seconds)),
    );
    for (index, power) in outline.power.iter().enumerate() {
        let lead = if index == 0 { "Decide   " } else { "         " };
        let asked = output::plain(&power.asked);
        anstream::println!("{lead}  {asked} at {} confidence", percent(trials.confidence_ratio));
        let Some(spread) = power.spread_ratio else {
            anstream::println!(
                "             at least {} blocks; how many are needed is not known without the spread: \
                 give --from RUN, or spec.trials.spread",
                power.least_block_count
            );
            continue;
        };
        let blocks = |count: Option<u32>| {
            count.map_or_else(|| "no number of blocks".into(), |n| format!("{n} blocks"))
        };
        let of_ten = format!("in {} of runs", percent(testbed_core::power::POWER));
        anstream::println!(
            "             spread {} between blocks, from {}: {} show a difference of {} from the bound {of_ten}",
            percent(spread),
            output::plain(&power.spread_from),
            blocks(Some(power.planned_block_count)),
            power.detectable_ratio.map_or_else(|| "any size".into(), percent),
        );
        if let Some(floor) = power.floor_ratio {
            anstream::println!(
                "             {} of it is the floor, what a variant would differ by from itself",
                percent(floor)
            );
        }
        if let Some(found) = &power.needed_as_found {
            anstream::println!(
                "             at the ratio it found, {}: {} needed",
                with_unit(found.found_ratio, "ratio"),
                blocks(found.block_count)
            );
        }
        let table: Vec<String> = power
            .needed
            .iter()
            .map(|needed| format!("{} for {}", blocks(needed.block_count), percent(needed.effect_ratio)))
            .collect();
        anstream::println!("             needed: {}", table.join(", "));
    }
}

#[derive(Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    name: ExperimentName,
    /// Set a parameter of the workflow
    #[arg(short, long = "param", value_name = "NAME=VALUE", value_parser = pair)]
    param: Vec<(String, String)>,
    /// Submit and return at once
    #[arg(long)]
    detach: bool,
    /// Exit with 4 if the verdict is another
    #[arg(long, value_enum, conflicts_with = "detach")]
    expect: Option<Expected>,
    #[command(flatten)]
    cluster: ClusterArguments,
    #[command(flatten)]
    root: RootArgument,
}

/// A verdict to hold against.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Expected {
    Supported,
    Refuted,
    Insufficient,
}

fn pair(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "write NAME=VALUE".to_owned())
}

/// Publishes, submits, follows.
pub(crate) async fn run(arguments: &RunArgs) -> Result<ExitCode> {
    let (disk, cluster) = (arguments.root.disk()?, &arguments.cluster);
    let mut experiment = arguments.name.read(&disk)?;
    experiment.spec.workflow.params.extend(arguments.param.iter().cloned());
    let client = connect(cluster).await?;
    let published = publish::publish_for(&client, &disk, &experiment).await?;
    for (name, digest) in &published.components {
        anstream::eprintln!(
            "published  {name} {}",
            digest.as_deref().unwrap_or("(its sources are elsewhere)")
        );
    }
    let run = runs::submit(&client, &cluster.namespace, &experiment).await?;
    anstream::eprintln!("submitted  {}", run.name_any());
    if run.spec.tutorial.is_some() {
        anstream::eprintln!("tutorial   follow it with `testbed tutorial {}`", experiment_of(&run));
    }
    if arguments.detach {
        anstream::println!("{}", run.name_any());
        return Ok(ExitCode::SUCCESS);
    }
    // A run that someone follows along has no end to wait for, unless its verdict is asked for.
    let until = if arguments.expect.is_none() { Until::SomeoneIsAwaited } else { Until::Over };
    watch(&client, &run, arguments.expect, until).await
}

/// When a run was followed far enough.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// Nothing is left of it.
    Over,
    /// The same, or it only waits for a person to be done with it.
    SomeoneIsAwaited,
}

/// Returns what to say once a run only waits for a person: what for, and how it ends.
fn awaits_someone(run: &Experiment) -> Option<String> {
    let name = run.name_any();
    if run.spec.workflow.completion.mode != CompletionMode::Manual {
        return None;
    }
    let idles =
        explain::waits_for(run).is_some_and(|condition| condition.reason == Reason::WaitingForUser.as_str());
    let end = format!("it stays until its time to live is over, or `testbed delete {name}` ends it");
    if run.spec.tutorial.is_some() && readiness(run) == Readiness::Ready {
        let experiment = experiment_of(run);
        return Some(format!(
            "{name} is ready: follow the tutorial with `testbed tutorial {experiment}`\n{end}"
        ));
    }
    idles.then(|| format!("{name} is yours to use: {end}"))
}

/// Follows a run and prints its result. Interrupted, it leaves the run going and says so.
pub(crate) async fn watch(
    client: &Client,
    run: &Experiment,
    expected: Option<Expected>,
    until: Until,
) -> Result<ExitCode> {
    let name = run.name_any();
    let mut said = false;
    let mut screen = Screen::new();
    let mut changes = follow::follow(client, run);
    let mut last: Option<Experiment> = None;
    loop {
        let change = tokio::select! {
            change = changes.next() => change,
            _ = tokio::signal::ctrl_c() => {
                screen.close();
                anstream::eprintln!("\n{name} goes on without you: `testbed watch {name}` follows it again, `testbed delete {name}` ends it");
                return Ok(ExitCode::from(INTERRUPTED));
            }
        };
        match change {
            None => break,
            Some(Err(error)) => return Err(error),
            Some(Ok(Change::Gone)) => {
                screen.close();
                return Err(Failure::failed(format!("{name} was deleted")).into());
            }
            Some(Ok(Change::Written(seen))) => {
                screen.show(&seen);
                if let Some(text) = awaits_someone(&seen).filter(|_| !said) {
                    said = true;
                    screen.line(&output::plain(&text));
                    if until == Until::SomeoneIsAwaited {
                        screen.close();
                        return Ok(ExitCode::SUCCESS);
                    }
                }
                last = Some(*seen);
            }
        }
    }
    screen.close();
    match last {
        Some(run) if is_over(&run) => conclude(client, &run, expected).await,
        _ => Err(Failure::unreachable(format!("{name} could not be followed to its end")).into()),
    }
}

async fn conclude(client: &Client, run: &Experiment, expected: Option<Expected>) -> Result<ExitCode> {
    let name = run.name_any();
    let status = run.status.clone().unwrap_or_default();
    if status.results.is_some() {
        let stored = crate::ops::results::fetch(client, run).await?;
        anstream::println!();
        results::print(&stored.summary, Some(run), false);
    }
    anstream::println!(
        "\nLook further:\n  testbed results {name} -o wide\n  testbed verify {name}\n  testbed show {name}"
    );
    if let Some(failure) = &status.failure {
        return Err(Failure {
            message: format!("{name} failed at {}: {}", failure.stage, failure.message),
            hint: None,
            code: FAILED,
        }
        .into());
    }
    let decided = status.hypothesis_result.as_deref();
    let wanted = expected.map(|expected| match expected {
        Expected::Supported => "supported",
        Expected::Refuted => "refuted",
        Expected::Insufficient => "insufficient",
    });
    match wanted {
        Some(wanted) if decided != Some(wanted) => Err(Failure {
            message: format!("the verdict is {}, expected was {wanted}", decided.unwrap_or("absent")),
            hint: None,
            code: UNEXPECTED,
        }
        .into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Returns what the clusters of a run have cost by now, if anything is paid for.
pub(crate) fn running(run: &Experiment) -> Option<String> {
    let status = run.status.as_ref()?;
    let lifetimes = price::lifetimes(status);
    if lifetimes.is_empty() || !run.spec.targets.iter().any(|target| price::is_paid(target.cluster.kind)) {
        return None;
    }
    let usd = price::accrued(&run.spec, &lifetimes, Timestamp::now());
    Some(usd.map_or_else(|| "of unknown price".to_owned(), price::shown))
}

/// Reasons that change several times in every trial.
const OF_TRIALS: [Reason; 4] =
    [Reason::TrialPreparing, Reason::TrialRunning, Reason::TrialMeasuring, Reason::SamplesSettling];

fn phase_of(run: &Experiment) -> Phase {
    run.status.as_ref().and_then(|status| status.phase).unwrap_or(Phase::Pending)
}

/// The live view: one line that changes on a terminal, a line for each change elsewhere.
pub(crate) struct Screen {
    spinner: Option<ProgressBar>,
    said: Option<(Phase, String)>,
    /// Trials whose record was said.
    trials: usize,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let spinner = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { spinner, said: None, trials: 0 }
    }

    /// Shows where a run stands, by the condition it waits for.
    pub(crate) fn show(&mut self, run: &Experiment) {
        let waiting = explain::waits_for(run);
        let detail = waiting.map_or(String::new(), |condition| {
            let message = if condition.message.is_empty() {
                condition.reason.clone()
            } else {
                condition.message.clone()
            };
            format!("{}: {message}", condition.type_)
        });
        let phase = phase_of(run);
        let elapsed = self.begin(run);
        // Between two trials much happens that a line for each would only hide: a terminal shows it as it goes.
        let between =
            waiting.is_some_and(|condition| OF_TRIALS.map(Reason::as_str).contains(&&*condition.reason));
        if between && self.spinner.is_none() && self.said.as_ref().is_some_and(|(before, _)| *before == phase)
        {
            return;
        }
        self.say(run, &elapsed, &detail);
    }

    /// Shows where a run stands, by what someone waits for.
    pub(crate) fn show_waiting(&mut self, run: &Experiment, what: &str) {
        let elapsed = self.begin(run);
        self.say(run, &elapsed, what);
    }

    /// Shows what is new of trials; returns the run's age.
    fn begin(&mut self, run: &Experiment) -> String {
        let age = run
            .metadata
            .creation_timestamp
            .as_ref()
            .map(|created| Timestamp::now().duration_since(created.0));
        let elapsed = output::age(age.unwrap_or_default());
        self.show_trials(run, &elapsed);
        elapsed
    }

    fn say(&mut self, run: &Experiment, elapsed: &str, detail: &str) {
        let phase = phase_of(run);
        let now = (phase, output::plain(detail));
        if self.said.as_ref() == Some(&now) {
            return;
        }
        let is_new_phase = self.said.as_ref().is_none_or(|(before, _)| *before != phase);
        let money = running(run).map_or_else(String::new, |usd| format!(" [{usd}]"));
        let line = format!("{elapsed:>6}  {:<13} {}{money}", phase.as_str(), now.1);
        match &self.spinner {
            Some(spinner) => {
                if is_new_phase {
                    spinner.println(line.trim_end());
                }
                spinner.set_message(format!("{} {}{money}", phase.as_str(), now.1));
            }
            None => anstream::eprintln!("{}", line.trim_end()),
        }
        self.said = Some(now);
    }

    /// Says of each trial that was recorded whether it counts, and what it measured of what is claimed.
    fn show_trials(&mut self, run: &Experiment, elapsed: &str) {
        let begun = run.status.iter().flat_map(|status| &status.trials).flat_map(|trials| &trials.begun);
        let recorded: Vec<&TrialStatus> = begun.filter(|trial| trial.record.is_some()).collect();
        let metrics = testbed_core::run::metrics(&run.spec);
        for trial in &recorded[self.trials.min(recorded.len())..] {
            let values = trial.values.iter().map(|(name, value)| {
                let unit = metrics
                    .iter()
                    .find(|metric| metric.name == *name)
                    .and_then(|metric| metric.unit.as_deref());
                format!("{name} {}", with_unit(*value, unit.unwrap_or("1")))
            });
            let what = match &trial.void {
                Some(why) => format!("void: {why}"),
                None => values.collect::<Vec<_>>().join(", "),
            };
            self.line(&output::plain(&format!("{elapsed:>6}  trial {:<24} {what}", trial.slot.trial)));
        }
        self.trials = recorded.len();
    }

    /// Says something that stays.
    fn line(&self, text: &str) {
        match &self.spinner {
            Some(spinner) => spinner.println(text),
            None => anstream::eprintln!("{text}"),
        }
    }

    pub(crate) fn close(&mut self) {
        if let Some(spinner) = self.spinner.take() {
            spinner.finish_and_clear();
        }
    }
}
