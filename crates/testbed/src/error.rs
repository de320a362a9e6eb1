//! What went wrong, as a user meets it: one line, a hint, an exit code.

use std::fmt;
use testbed_hub::RootNotFound;

/// Exit code of a run that failed, and of anything that went wrong and has no code of its own.
pub(crate) const FAILED: u8 = 1;
/// Exit code of wrong usage or input.
pub(crate) const USAGE: u8 = 2;
/// Exit code when the cluster cannot be reached.
pub(crate) const UNREACHABLE: u8 = 3;
/// Exit code of a program that Ctrl-C ended, as shells have it: what was waited for is not known to have gone well.
pub(crate) const INTERRUPTED: u8 = 130;
/// Exit code when the verdict is not the one that was asked for.
pub(crate) const UNEXPECTED: u8 = 4;

/// What went wrong.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) code: u8,
}

impl Failure {
    /// Wrong usage or input.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, code: USAGE }
    }

    /// Anything else.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, code: FAILED }
    }

    /// The cluster cannot be reached.
    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, code: UNREACHABLE }
    }

    /// Adds what to do about it.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Returns message, hint and exit code of any error: the one conversion at the edge of the program.
pub(crate) fn explain(error: &anyhow::Error) -> (String, Option<String>, u8) {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return (failure.message.clone(), failure.hint.clone(), failure.code);
    }
    if error.is::<RootNotFound>() {
        return (error.to_string(), None, USAGE);
    }
    let message = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    match error.chain().find_map(|cause| cause.downcast_ref::<kube::Error>()) {
        Some(kube::Error::Api(status)) if status.code == 422 || status.code == 400 => {
            (status.message.clone(), None, USAGE)
        }
        Some(kube::Error::Api(status)) if status.code == 403 => {
            (status.message.clone(), Some("the kubeconfig's user may not do this".into()), FAILED)
        }
        // Of an object that is not there, the API server says which.
        Some(kube::Error::Api(status)) if status.code == 404 && status.details.is_none() => (
            format!("this cluster does not serve what testbed needs: {}", status.message.trim()),
            Some(
                "bring up the embedded hub with `testbed hub up`, or see `testbed hub install --help`".into(),
            ),
            FAILED,
        ),
        Some(kube::Error::Api(status)) => (status.message.clone(), None, FAILED),
        Some(kube::Error::HyperError(_) | kube::Error::Service(_)) => {
            (message, Some("is the hub up? See `testbed hub status`".into()), UNREACHABLE)
        }
        _ => (message, None, FAILED),
    }
}
