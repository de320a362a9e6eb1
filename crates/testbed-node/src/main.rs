//! Entrypoint of the image `cluster`: makes the pod it runs in a node of a Kubernetes of its own.
//!
//! The first process of the pod only buries the dead; a second one, this program again, does the work.

mod machine;
mod node;
mod ready;
mod settings;

use std::{
    process::{Command, ExitCode},
    sync::Arc,
};

use anyhow::{Context, Result};
use rustix::process::{WaitOptions, wait};
use tokio::signal::unix::{SignalKind, signal};

use crate::{ready::Readiness, settings::Settings};

/// Argument of the process that does the work.
const WORK: &str = "work";

fn main() -> ExitCode {
    let work = std::env::args().nth(1).is_some_and(|argument| argument == WORK);
    let outcome = if work { do_work() } else { bury() };
    outcome.unwrap_or_else(|error| {
        eprintln!("testbed-node: {error:#}");
        ExitCode::FAILURE
    })
}

/// Starts the worker, and takes the exit status of everything that is left without a parent, until the worker ends or
/// somebody asks to stop. The kernel ends what is left: nothing here is worth a goodbye.
fn bury() -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut ended = signal(SignalKind::child())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let worker = Command::new("/proc/self/exe").arg(WORK).spawn().context("cannot start the worker")?;
        loop {
            tokio::select! {
                _ = ended.recv() => {}
                _ = terminate.recv() => return Ok(ExitCode::SUCCESS),
            }
            // One signal may stand for several processes.
            while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
                if u32::try_from(pid.as_raw_nonzero().get()).ok() == Some(worker.id()) {
                    let code = status.exit_status().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
                    return Ok(ExitCode::from(code.max(1)));
                }
            }
        }
    })
}

fn do_work() -> Result<ExitCode> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let settings = Settings::read(|key| std::env::var(key).ok())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let readiness = Arc::new(Readiness::new(&settings));
        tokio::try_join!(ready::serve(readiness.clone()), node::run(&settings, &readiness))?;
        Ok(ExitCode::FAILURE)
    })
}
