//! One pass over one Experiment: look, decide, act, record. It makes no decisions of its own.

use crate::apply::{self, apply};
use crate::clients::{Clients, Run};
use crate::observe::observe;
use crate::report::report;
use jiff::Timestamp;
use kube::Error as KubeError;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use testbed_api::Experiment;
use testbed_api::status::ExperimentStatus;
use testbed_core::plan::{Effect, Fact, plan};
use testbed_core::status::differ_in_words;

/// How long words in status may be out of date. Who changes them a hundred times a second, as Argo CD may, makes us
/// write once.
const WORDS: Duration = Duration::from_secs(1);
/// First pause after a failed pass; it doubles with every further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause after a failed pass.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Why a pass failed. It is run again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to read the Experiment")]
    Observe(#[source] KubeError),
    #[error("failed to carry the plan out")]
    Apply(#[source] apply::Error),
    #[error("failed to write the status")]
    Report(#[source] KubeError),
}

impl Error {
    const fn category(&self) -> &'static str {
        match self {
            Self::Observe(_) => "observe",
            Self::Apply(error) => error.category(),
            Self::Report(_) => "report",
        }
    }
}

/// What is known from one pass to the next, of all Experiments.
pub(crate) struct Driver {
    clients: Arc<Clients>,
    /// Failed passes in a row, by Experiment: kube gives an error policy no count of attempts.
    failures: Mutex<HashMap<Run, u32>>,
    /// When a status was written, of those that were so a moment ago.
    written: Mutex<HashMap<Run, Timestamp>>,
}

/// How an Experiment was left by a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// It is no more.
    Gone,
    /// Something of it could be left: there is another pass after this time, even if nothing changes.
    Live(Duration),
    /// Nothing is left but itself, until then.
    Over(Option<Timestamp>),
}

impl Driver {
    pub(crate) fn new(clients: Arc<Clients>) -> Self {
        Self { clients, failures: Mutex::default(), written: Mutex::default() }
    }

    /// Looks, decides, acts and records.
    ///
    /// # Errors
    /// It is to be run again after [`Driver::pause`].
    pub(crate) async fn pass(&self, run: &Run) -> Result<Left, Error> {
        let left = self.live(run).await?;
        if !matches!(left, Left::Live(_)) {
            // Whose watches would go on for as long as its time to live.
            self.clients.targets.forget(run);
        }
        Ok(left)
    }

    async fn live(&self, run: &Run) -> Result<Left, Error> {
        let clients = &self.clients;
        let space = run.namespace.as_deref().unwrap_or_default();
        let Some(seen) = observe(clients, &run.name, space).await.map_err(Error::Observe)? else {
            self.settled(run);
            return Ok(Left::Gone);
        };
        let plan = plan(&seen, clients.clock.now());
        let (facts, failed) = apply(clients, &seen, &plan.effects).await;
        // These change the object itself: what there is to say is said in the pass that its change brings.
        let own = |effect: &Effect| {
            matches!(effect, Effect::AddFinalizer | Effect::RemoveFinalizer | Effect::DeleteExperiment)
        };
        if failed.is_none() && plan.effects.iter().any(own) {
            log(&run.name, &plan.effects, &facts);
            self.settled(run);
            return Ok(Left::Live(clients.settings.safety_look));
        }
        let status = match failed.as_ref().and_then(apply::Error::explanation) {
            Some(why) => plan.status_explained(&facts, &why),
            None => plan.status_with(&facts),
        };
        let held = self.hold(run, &seen.experiment, &status);
        if held.is_none() && report(clients, &seen.experiment, &status).await.map_err(Error::Report)? {
            self.wrote(run);
        }
        log(&run.name, &plan.effects, &facts);
        if let Some(error) = failed {
            return Err(Error::Apply(error));
        }
        self.settled(run);
        // What someone was faster to take brings no change that would wake this run.
        let missed = facts.contains(&Fact::Missed).then_some(FIRST_PAUSE);
        Ok(match held.or(missed) {
            Some(pause) => Left::Live(pause),
            None if status.resources_cleaned == Some(true) => Left::Over(plan.wake_at),
            None => Left::Live(self.until(plan.wake_at)),
        })
    }

    /// Returns when to run a failed pass again: after a pause that doubles with every failure in a row.
    pub(crate) fn pause(&self, run: &Run, error: &Error) -> Duration {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(run.clone()).or_insert(0);
        let pause = (FIRST_PAUSE * 2_u32.saturating_pow(*count)).min(LONGEST_PAUSE);
        *count += 1;
        let conflict = matches!(error, Error::Report(KubeError::Api(status)) if status.code == 409);
        if !conflict {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            let (experiment, category) = (&run.name, error.category());
            tracing::warn!(experiment, category, %error, cause, ?pause, "will try again");
        }
        pause
    }

    fn settled(&self, run: &Run) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(run);
    }

    /// Returns how long to wait before a status is written: a moment, if only words changed and it was just written.
    fn hold(&self, run: &Run, experiment: &Experiment, status: &ExperimentStatus) -> Option<Duration> {
        experiment.status.as_ref().filter(|before| differ_in_words(before, status))?;
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let at = written.get(run)?;
        let since = Duration::try_from(self.clients.clock.now().duration_since(*at)).unwrap_or_default();
        WORDS.checked_sub(since).filter(|left| !left.is_zero())
    }

    /// Returns how long to leave an Experiment alone of which something could be left: until its next deadline, never for
    /// longer than an unchanged one is left alone. The simulated world sees to it that nothing relies on the latter.
    fn until(&self, wake_at: Option<Timestamp>) -> Duration {
        let longest = self.clients.settings.safety_look;
        wake_at.map_or(longest, |at| self.clients.clock.until(at).min(longest))
    }

    fn wrote(&self, run: &Run) {
        let now = self.clients.clock.now();
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.retain(|_, at| Duration::try_from(now.duration_since(*at)).is_ok_and(|since| since < WORDS));
        written.insert(run.clone(), now);
    }
}

fn log(experiment: &str, effects: &[Effect], facts: &[Fact]) {
    for (effect, _) in effects.iter().zip(facts).filter(|(_, fact)| **fact != Fact::Missed) {
        let effect = match effect {
            Effect::Apply(object) => format!("apply {} {}", object["kind"], object["metadata"]["name"]),
            Effect::ApplyIn { target, object } => {
                format!("apply {} {} in target {target}", object["kind"], object["metadata"]["name"])
            }
            Effect::Claim { name, .. } => format!("claim cluster {name}"),
            Effect::Refresh(object) => format!("refresh {}", object.name),
            Effect::DeleteIn { target, object } => {
                format!("delete {:?} {} in target {target}", object.kind, object.name)
            }
            Effect::StopSync(object) => format!("stop the sync of {}", object.name),
            Effect::Delete(object) => format!("delete {:?} {}", object.kind, object.name),
            Effect::Measure(request) => format!("record trial {}", request.trial),
            Effect::Collect(request) => {
                format!("collect {} answers and {} records", request.questions.len(), request.records.len())
            }
            other => format!("{other:?}"),
        };
        tracing::info!(experiment, effect, "done");
    }
}
