//! Programs of the system, run to their end.

use std::{ffi::OsStr, io, path::Path, process::Stdio};

use tokio::process::Command;

/// A program of the system did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It could not be started.
    #[error("cannot run `{program}`")]
    Spawn {
        /// Its name.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It failed.
    #[error("`{line}` failed: {output}")]
    Failed {
        /// What was run.
        line: String,
        /// The end of what it said.
        output: String,
    },
}

/// Runs a program and returns what it wrote to its standard output.
pub(crate) async fn run<S: AsRef<OsStr>>(
    program: impl AsRef<Path>,
    args: &[S],
) -> Result<String, CommandError> {
    let mut command = Command::new(program.as_ref());
    command.args(args);
    output(command).await
}

/// Runs a prepared command and returns what it wrote to its standard output.
pub(crate) async fn output(mut command: Command) -> Result<String, CommandError> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let done =
        command.output().await.map_err(|source| CommandError::Spawn { program: program.clone(), source })?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let args: Vec<_> = command.as_std().get_args().map(OsStr::to_string_lossy).collect();
    let said = if done.stderr.is_empty() { &done.stdout } else { &done.stderr };
    Err(CommandError::Failed { line: format!("{program} {}", args.join(" ")), output: tail(said, 20) })
}

/// The last `lines` lines.
pub(crate) fn tail(text: &[u8], lines: usize) -> String {
    let text = String::from_utf8_lossy(text);
    let all: Vec<_> = text.trim_end().lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failed_command_says_what_it_was_and_what_it_said() {
        let error = run("sh", &["-c", "echo oh no >&2; exit 3"]).await.unwrap_err().to_string();
        assert!(error.contains("sh -c") && error.contains("oh no"), "{error}");
    }

    #[test]
    fn the_tail_is_the_end() {
        assert_eq!(tail(b"a\nb\nc\n", 2), "b\nc");
    }
}
