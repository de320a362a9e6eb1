//! Lets a person or an agent list, start, watch and read experiments.

mod cli;
mod error;
mod ops;

use clap::{CommandFactory, Parser};
use clap_complete::CompleteEnv;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    // Answers the shell when it asks for completions, and returns otherwise.
    CompleteEnv::with_factory(cli::Cli::command).complete();
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(EnvFilter::try_from_env("TESTBED_LOG").unwrap_or_else(|_| EnvFilter::new("off")))
        .init();
    let cli = cli::Cli::parse();
    if !cli.is_daemon() {
        // Piped into `head`, a command ends quietly when nobody reads on.
        sigpipe::reset();
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            anstream::eprintln!("error: failed to start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(cli.run());
    // What still reads from standard input or a socket must not keep the program from ending.
    runtime.shutdown_background();
    outcome
}
