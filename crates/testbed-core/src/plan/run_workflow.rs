//! `WorkflowSucceeded`: the workflow ran to its end, once.

use super::template::pinned_template;
use super::{Effect, Pass, RUN_DEADLINE, Step, earliest, is_manual, target};
use crate::build;
use crate::observed::WorkflowFacts;
use crate::status;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use testbed_api::conditions::{ConditionType, Reason};
use testbed_api::status::{ExperimentStatus, Window, WindowSource, WorkflowStatus};

/// Submits the workflow and waits for its end.
///
/// Load starts only on the persisted word that everything is ready, and a workflow that was seen once is never submitted again.
pub(super) fn run_workflow(pass: &Pass<'_>, status: &mut ExperimentStatus) -> Step {
    let mut step = Step::done("");
    if !status::holds(pass.persisted, ConditionType::ComponentsReady) {
        step.wait(Reason::NotReached, "starts once readiness is recorded");
        return step;
    }
    if let Some(trials) = &pass.run.spec.trials {
        let mut step = super::trials::run_trials(pass, trials, status);
        step.wake_at = earliest(step.wake_at, target::next_loss(status));
        return step;
    }
    if let Some((target, why)) = target::lost(pass, status) {
        return step.fail(Reason::TargetLost, format!("{target}: {why}"));
    }
    let workflows = match pass.seen.workflows.known() {
        Ok(workflows) => workflows,
        Err(reason) => {
            step.unreadable(pass, format!("the workflow cannot be read: {reason}"));
            return step;
        }
    };
    let name = pass.run.workflow_name();
    let Some(seen) = workflows.iter().find(|workflow| workflow.name == name) else {
        return submit(pass, status, step, name);
    };
    status.workflow_status = Some(WorkflowStatus {
        name,
        uid: Some(seen.uid.clone()),
        phase: seen.phase.clone(),
        message: seen.message.clone(),
        started_at: seen.started_at.clone(),
        finished_at: seen.finished_at.clone(),
        windows: windows(seen),
    });
    let mut step = judge(pass, seen, step);
    step.wake_at = earliest(step.wake_at, target::next_loss(status));
    step
}

fn submit(pass: &Pass<'_>, status: &mut ExperimentStatus, mut step: Step, name: String) -> Step {
    if pass.persisted.workflow_status.as_ref().is_some_and(|workflow| workflow.uid.is_some()) {
        return step
            .fail(Reason::WorkflowLost, format!("workflow {name} was deleted while the run waited for it"));
    }
    let template = match pinned_template(pass) {
        Ok(template) => template,
        Err((Reason::NotReadable, message)) => {
            step.unreadable(pass, message);
            return step;
        }
        Err((reason, message)) => return step.fail(reason, message),
    };
    match build::parameters(&pass.run) {
        Ok(parameters) => {
            let workflow = build::workflow(&pass.run, &name, None, &template.spec, &parameters);
            step.effect(Effect::Apply(workflow));
        }
        Err(message) => return step.fail(Reason::InvalidSpec, message),
    }
    step.wait(Reason::WorkflowPending, format!("workflow {name} is submitted"));
    status.workflow_status.get_or_insert(WorkflowStatus { name, ..WorkflowStatus::default() });
    step
}

fn judge(pass: &Pass<'_>, seen: &WorkflowFacts, mut step: Step) -> Step {
    let said = seen.message.as_deref().map_or_else(String::new, |message| format!(": {message}"));
    match seen.phase.as_deref() {
        Some("Succeeded") if is_manual(&pass.run) => {
            step.wait(Reason::WaitingForUser, "stays until it is deleted or its time to live ends");
            step
        }
        Some("Succeeded") => Step::done(format!("workflow {} succeeded", seen.name)),
        Some(phase @ ("Failed" | "Error")) => {
            step.fail(Reason::WorkflowFailed, format!("workflow {} ended as {phase}{said}", seen.name))
        }
        phase => {
            let reason =
                if phase == Some("Running") { Reason::WorkflowRunning } else { Reason::WorkflowPending };
            step.wait(
                reason,
                format!("workflow {} is {}{said}", seen.name, phase.unwrap_or("Pending").to_lowercase()),
            );
            match status::since(pass.persisted, ConditionType::ComponentsReady)
                .and_then(|at| at.checked_add(RUN_DEADLINE).ok())
            {
                // A manual run may outlive any deadline but its time to live.
                Some(deadline) if !is_manual(&pass.run) => step.deadline(deadline, pass.now),
                _ => step,
            }
        }
    }
}

/// Returns the windows a workflow recorded; one that recorded none, and is over, is its own window.
fn windows(seen: &WorkflowFacts) -> Vec<Window> {
    match (&seen.windows[..], &seen.started_at, &seen.finished_at) {
        ([], Some(Time(start)), Some(Time(end))) => {
            vec![Window {
                target: None,
                start: MicroTime(*start),
                end: MicroTime(*end),
                recorded_by: WindowSource::Workflow,
            }]
        }
        (recorded, ..) => recorded.to_vec(),
    }
}
