//! `make sweep`: every fault at every request of every run.

use clap::Parser;
use indicatif::ProgressBar;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use testbed_sim::bench;
use testbed_sim::fault::Fault;
use testbed_sim::pairs::{self, Pairs};
use testbed_sim::real::{Pool, Programs};
use testbed_sim::runs::{self, Scenario};
use testbed_sim::store;
use testbed_sim::sweep::{self, Failure, Part};
use testbed_sim::timed;
use testbed_sim::world::{Ground, Outcome, live};

/// A life makes and drops small things, millions of them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Lives simulated runs under faults at every request, and says what broke and how to see it again
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Only this run
    #[arg(long)]
    only: Option<String>,
    /// Around real programs: an API server, and the operator as a process that is killed. Needs `make hub` before
    #[arg(long)]
    real: bool,
    /// How many real worlds at once; each takes half a gigabyte. Runs that wait for long, such as `trials`, go faster with
    /// more than the six for each core that there are by default
    #[arg(long, requires = "real", value_parser = clap::value_parser!(u16).range(1..))]
    at_once: Option<u16>,
    /// Only these faults, such as crash-after@7,conflict@9: what happens, at which write. A word that is none lists them
    #[arg(long, value_delimiter = ',')]
    plan: Vec<Fault>,
    /// Pairs of faults too; hours
    #[arg(long, value_enum, num_args = 0..=1, default_missing_value = "all", conflicts_with_all = ["real", "plan", "random"])]
    pairs: Option<Pairs>,
    /// Only this part of the faults, and of the pairs, such as 2/8: where all of them take too long, or several machines
    /// share them
    #[arg(long, default_value = "1/1", conflicts_with_all = ["plan", "random"])]
    part: Part,
    /// Instead: so many lives with random faults, in all of the runs in equal parts
    #[arg(long)]
    random: Option<usize>,
    /// Seed of what is random
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print what the operator sent and what happened
    #[arg(long)]
    history: bool,
    /// List the runs
    #[arg(long)]
    list: bool,
    /// Instead: count what can be counted exactly, and hold it against its bars
    #[arg(long)]
    bench: bool,
    /// Instead, or too: measure around real programs, and hold it against its bars. Needs `make hub` before
    #[arg(long)]
    timed: bool,
    /// Write what was found to this file, as JSON
    #[arg(long)]
    json: Option<PathBuf>,
}

fn pool(arguments: &Arguments) -> anyhow::Result<Pool> {
    Pool::new(Programs::find()?.crowded(), arguments.at_once.map(usize::from))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.bench || arguments.timed {
        return bench(&arguments);
    }
    let ground = match arguments.real.then(|| pool(&arguments)).transpose() {
        Ok(pool) => pool.map_or(Ground::Memory, |pool| Ground::Real(Arc::new(pool))),
        Err(error) => {
            eprintln!("{error:#}");
            return ExitCode::FAILURE;
        }
    };
    let possible = || runs::all().into_iter().filter(|run| !arguments.real || run.is_for_real());
    let chosen: Vec<Scenario> =
        possible().filter(|run| arguments.only.as_ref().is_none_or(|only| only == run.name)).collect();
    if arguments.list || chosen.is_empty() {
        for run in possible() {
            println!("{}", run.name);
        }
        return if arguments.list { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let mut failed = 0;
    let mut lived = 0;
    for scenario in &chosen {
        let begun = Instant::now();
        let reference = live(&ground, scenario, &[]);
        let took = begun.elapsed();
        println!(
            "{}: {} writes, {:.0} s of its time, {:.0} ms of ours",
            scenario.name,
            reference.writes,
            reference.took.as_secs_f64(),
            took.as_secs_f64() * 1e3
        );
        if arguments.history {
            let shown = if arguments.plan.is_empty() {
                &reference
            } else {
                &live(&ground, scenario, &arguments.plan)
            };
            print(shown);
        }
        if !reference.broken.is_empty() {
            failed += 1;
            println!("  without any fault: {:#?}", reference.broken);
            continue;
        }
        let plans = plans(&arguments, &ground, &reference, chosen.len());
        lived += plans.len();
        let progress = Progress::new(ProgressBar::new(plans.len() as u64));
        let idle = AtomicUsize::new(0);
        let failures = sweep::run(&ground, scenario, &reference, &plans, |failure, is_met| {
            progress.one(failure);
            idle.fetch_add(usize::from(!is_met), Ordering::Relaxed);
        });
        progress.end();
        failed += failures.len();
        tell("plans", plans.len(), failures.len(), begun);
        let idle = idle.into_inner();
        if idle > 0 {
            println!("  {idle} of them had a fault at a write that did not come");
        }
        if let Some(which) = arguments.pairs {
            let (begun, progress) = (Instant::now(), Progress::new(ProgressBar::no_length()));
            match pairs::run(scenario, &reference, &which.modes(), arguments.part, || progress.one(None)) {
                Ok(swept) => {
                    progress.end();
                    lived += swept.lived;
                    failed += swept.broken.len();
                    for plan in swept.broken.iter().take(SHOWN) {
                        println!("  {}", pairs::again(scenario, &reference, plan));
                    }
                    tell("pairs", swept.lived, swept.broken.len(), begun);
                }
                Err(error) => {
                    eprintln!("{error:#}");
                    return ExitCode::FAILURE;
                }
            }
        }
    }
    println!("{lived} plans, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How many of the plans that failed are shown.
const SHOWN: usize = 10;

/// How often it is said how far it is, where nobody looks at a bar.
const NOW_AND_THEN: Duration = Duration::from_mins(1);

/// How far it is: a bar where someone looks, a line now and then where it goes into a file.
struct Progress {
    bar: ProgressBar,
    begun: Instant,
    /// When it was last said, and how many failures were shown.
    said: Mutex<(Instant, usize)>,
}

impl Progress {
    fn new(bar: ProgressBar) -> Self {
        let begun = Instant::now();
        Self { bar, begun, said: Mutex::new((begun, 0)) }
    }

    /// One more was lived; what failed is shown at once, for who stops a sweep of hours wants to know.
    fn one(&self, failure: Option<&Failure>) {
        self.bar.inc(1);
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = failure.filter(|_| said.1 < SHOWN) {
            said.1 += 1;
            self.bar.suspend(|| println!("  {failure}"));
        }
        if self.bar.is_hidden() && said.0.elapsed() >= NOW_AND_THEN {
            said.0 = Instant::now();
            let of = self.bar.length().map_or_else(String::new, |length| format!(" of {length}"));
            println!("  {}{of} lived after {} s", self.bar.position(), self.begun.elapsed().as_secs());
        }
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// Says what came of so many plans.
fn tell(what: &str, count: usize, failed: usize, begun: Instant) {
    println!("  {} of {count} {what} passed ({:.1} s)", count - failed, begun.elapsed().as_secs_f64());
}

fn bench(arguments: &Arguments) -> ExitCode {
    println!("{:<4} {:<86} {:>15} {:>8} {:>6}", "", "", "the original", "ours", "bar");
    let show = |row: &bench::Row| {
        let mark = if row.holds() { "" } else { "  worse than the bar" };
        println!(
            "{:<4} {:<86} {:>15} {:>8.3} {:>6}{mark}",
            row.id, row.what, row.original, row.ours, row.bar
        );
    };
    let mut rows = if arguments.bench { bench::rows(arguments.seed) } else { Vec::new() };
    rows.iter().for_each(show);
    if arguments.timed {
        let measured = Programs::find().and_then(|programs| {
            let folder = programs.folder().to_owned();
            timed::rows(&Arc::new(Pool::new(programs, None)?), &folder, show)
        });
        match measured {
            Ok(measured) => rows.extend(measured),
            Err(error) => {
                eprintln!("{error:#}");
                return ExitCode::FAILURE;
            }
        }
    }
    if let Some(file) = &arguments.json {
        let rows: Vec<serde_json::Value> = rows.iter().map(bench::Row::value).collect();
        if let Err(error) = std::fs::write(file, format!("{:#}\n", serde_json::json!(rows))) {
            eprintln!("{} cannot be written: {error}", file.display());
            return ExitCode::FAILURE;
        }
    }
    if rows.iter().all(bench::Row::holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn plans(arguments: &Arguments, ground: &Ground, reference: &Outcome, runs: usize) -> Vec<Vec<Fault>> {
    if !arguments.plan.is_empty() {
        return vec![arguments.plan.clone()];
    }
    if let Some(count) = arguments.random {
        let seed = arguments.seed;
        return (0..count.div_ceil(runs))
            .map(|number| sweep::random(ground, seed, number, reference.writes))
            .collect();
    }
    sweep::singles(ground, reference, arguments.part)
}

fn print(outcome: &Outcome) {
    for sent in outcome.sent.iter().filter(|sent| sent.number > 0) {
        println!("  {:>3} (life {}) {}", sent.number, sent.life, sent.line);
    }
    for entry in &outcome.history {
        let store::Key { kind, namespace, name } = &entry.key;
        println!("  {} {} {} {kind} {namespace}/{name}", entry.version, entry.at, entry.change.word());
    }
    let mut reads: BTreeMap<&str, usize> = BTreeMap::new();
    for sent in outcome.sent.iter().filter(|sent| sent.number == 0 && sent.line.starts_with("GET")) {
        *reads.entry(sent.line.split('?').next().unwrap_or_default()).or_default() += 1;
    }
    for (line, count) in reads {
        println!("  {count:>3} times {line}");
    }
    print!("{}", outcome.log);
}
