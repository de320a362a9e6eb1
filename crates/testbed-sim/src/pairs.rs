//! Every pair of faults in every run in memory.
//!
//! All plans with the same first fault begin the same way, and there are hundreds of thousands of them. So no life is
//! begun anew: at each request a process forks for each fault that may happen to it, the child goes on with that fault,
//! and its parent, when the child has ended, without it. What is left to be lived is a third of a life, on average.

use crate::fault::{Choice, Fault, Mode};
use crate::runs::Scenario;
use crate::sweep::{Failure, Part, judge, judged, shrink};
use crate::world::{Ground, Outcome, live_as};
use anyhow::{Context, Result, ensure};
use fork::{Fork, fork, waitpid};
use std::io::{BufRead, BufReader, PipeWriter, Write};
use std::process::{abort, exit};
use std::sync::{Arc, Mutex, PoisonError};

/// Which pairs of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Pairs {
    /// The operator dies twice
    Crashes,
    /// Any two, the second at a later request
    All,
}

impl Pairs {
    /// Returns what happens in them.
    #[must_use]
    pub fn modes(self) -> Vec<Mode> {
        let is_wanted = |mode: &Mode| self == Self::All || mode.is_crash();
        Mode::ALL.into_iter().filter(is_wanted).collect()
    }
}

/// A process of those that fork, and the faults that happened in it.
struct Branch {
    modes: Vec<Mode>,
    /// Faults so far.
    plan: Vec<Fault>,
    /// Of the first faults.
    part: Part,
    /// How many first faults there were before.
    place: usize,
    report: PipeWriter,
}

impl Branch {
    /// Tells of the end of a plan: a line, empty if nothing broke.
    fn tell(&mut self, is_broken: bool) {
        let plan: Vec<String> = self.plan.iter().filter(|_| is_broken).map(ToString::to_string).collect();
        // In one piece, so that lines of several processes do not mix. Without anyone who reads it there is no sense in it.
        if self.report.write_all(format!("{}\n", plan.join(",")).as_bytes()).is_err() {
            abort();
        }
    }

    /// Has a child go on with this fault; returns whether this is the child, in the parent once the child has ended.
    fn fork(&mut self, fault: Fault) -> bool {
        match fork() {
            Ok(Fork::Child) => {
                self.plan.push(fault);
                true
            }
            Ok(Fork::Parent(child)) => {
                // Whoever panics ends otherwise than those that come to their end.
                if waitpid(child).ok() != Some(0) {
                    self.plan.push(fault);
                    self.tell(true);
                    self.plan.pop();
                }
                false
            }
            // Nothing may be left out in silence.
            Err(_) => abort(),
        }
    }
}

/// The faults of a process that forks at each request.
struct Forking(Arc<Mutex<Branch>>);

impl Choice for Forking {
    fn at(&mut self, point: usize) -> Option<Mode> {
        let mut branch = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if branch.plan.len() == 2 {
            return None;
        }
        for mode in branch.modes.clone() {
            if branch.plan.is_empty() {
                branch.place += 1;
                if !branch.part.has(branch.place - 1) {
                    continue;
                }
            }
            if branch.fork(Fault { point, mode }) {
                return Some(mode);
            }
        }
        None
    }

    fn may_go_back(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).modes.contains(&Mode::Restored)
    }
}

/// Lives a run under what a process has of all pairs, and ends the process.
fn fork_on(scenario: &Scenario, reference: &Outcome, branch: Branch) -> ! {
    let branch = Arc::new(Mutex::new(branch));
    let outcome = live_as(&Ground::Memory, scenario, Box::new(Forking(branch.clone())));
    let mut branch = branch.lock().unwrap_or_else(PoisonError::into_inner);
    // Single faults are swept elsewhere.
    if branch.plan.len() == 2 {
        let broken = judged(&Ground::Memory, scenario, reference, &branch.plan, &outcome);
        branch.tell(!broken.is_empty());
    }
    exit(0)
}

/// What came of all pairs.
#[derive(Debug)]
pub struct Swept {
    /// How many plans were lived.
    pub lived: usize,
    /// Those that broke something.
    pub broken: Vec<Vec<Fault>>,
}

/// Lives a run in memory under each pair of faults of these modes, or a part of them, in as many processes as there is
/// room for. `done` is called after each.
///
/// May only be called where no other thread works: it would be missing in the processes that fork.
///
/// # Errors
/// If a process cannot be made, or does not come to its end.
pub fn run(
    scenario: &Scenario,
    reference: &Outcome,
    modes: &[Mode],
    part: Part,
    done: impl Fn(),
) -> Result<Swept> {
    let (reader, report) = std::io::pipe()?;
    let room = Ground::Memory.room();
    let mut children = Vec::new();
    for number in 1..=room {
        match fork().context("failed to fork")? {
            Fork::Child => {
                let (modes, part, report) = (modes.to_vec(), part.part(number, room), report.try_clone()?);
                fork_on(scenario, reference, Branch { modes, plan: Vec::new(), part, place: 0, report })
            }
            Fork::Parent(child) => children.push(child),
        }
    }
    // Theirs are all that is left: what is read ends when they do.
    drop(report);
    let mut swept = Swept { lived: 0, broken: Vec::new() };
    for line in BufReader::new(reader).lines() {
        let line = line?;
        swept.lived += 1;
        done();
        if !line.is_empty() {
            let plan: Result<Vec<Fault>, String> = line.split(',').map(str::parse).collect();
            swept.broken.push(plan.map_err(anyhow::Error::msg)?);
        }
    }
    for child in children {
        ensure!(waitpid(child)? == 0, "a process that forks did not come to its end");
    }
    Ok(swept)
}

/// Lives a plan that broke something from its beginning, and returns what fails, shrunk.
#[must_use]
pub fn again(scenario: &Scenario, reference: &Outcome, plan: &[Fault]) -> Failure {
    let broken = judge(&Ground::Memory, scenario, reference, plan);
    if broken.is_empty() {
        // What is drawn by chance, the pauses of a client, went otherwise.
        let broken = vec!["not when it was lived again".into()];
        return Failure { scenario: scenario.name, plan: plan.to_vec(), broken, is_real: false };
    }
    shrink(&Ground::Memory, scenario, reference, plan, broken)
}
