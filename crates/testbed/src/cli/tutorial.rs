//! `tutorial`: the steps of a tutorial in a run, and the run beside them until it is gone.

use super::experiment::Screen;
use super::{RootArgument, RunName, complete_experiments, output};
use crate::error::{Failure, INTERRUPTED};
use crate::ops::connect::{ClusterArguments, connect_to};
use crate::ops::follow::{self, Change};
use crate::ops::runs;
use crate::ops::tutorial::{
    Folder, Guide, Readiness, Store, experiment_of, guide, readiness, write_kubeconfigs,
};
use anyhow::Result;
use clap::Args;
use clap::builder::styling::{AnsiColor, Style};
use clap_complete::ArgValueCandidates;
use futures::StreamExt;
use kube::{Client, ResourceExt};
use output::Format;
use std::fmt::Write;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;
use testbed_api::Experiment;
use tokio::time::{Instant, interval_at};

/// How often kubeconfigs are written again: their credentials are good for a day, and made anew in its half.
const RENEWAL: Duration = Duration::from_secs(3600);
/// Columns of text beyond which lines are hard to read.
const WIDEST: usize = 100;
/// Columns below which text is not broken: then the terminal does it.
const NARROWEST: usize = 40;

#[derive(Args)]
#[command(after_help = "\
Kubeconfigs of the run's clusters are written to $XDG_RUNTIME_DIR/testbed/<run>/, or to
~/.local/state/testbed/<run>/ where there is no such folder, for this user alone.
They are removed when the run is gone.

Examples:
  testbed run prometheus-tutorial           make the cluster of a tutorial
  testbed tutorial prometheus-tutorial      print its steps and follow the run
  testbed tutorial loki-tutorial --no-follow -o json")]
pub(crate) struct TutorialArgs {
    #[command(flatten)]
    name: RunName,
    /// Experiment on disk whose tutorial it is, if the run's name does not tell
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(complete_experiments))]
    experiment: Option<String>,
    /// Print the steps and return, instead of following the run until it is gone
    #[arg(long)]
    no_follow: bool,
    /// Output format; with json or yaml nothing is followed
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(flatten)]
    cluster: ClusterArguments,
    #[command(flatten)]
    root: RootArgument,
}

/// Waits until a person can begin, prints the steps, and follows the run.
pub(crate) async fn tutorial(arguments: &TutorialArgs) -> Result<ExitCode> {
    let disk = arguments.root.disk()?;
    let (client, server) = connect_to(&arguments.cluster).await?;
    let store = Store::new(server)?;
    store.sweep(&client, &arguments.cluster.namespace).await?;
    let run = runs::find(&client, &arguments.cluster.namespace, &arguments.name.run).await?;
    let name = run.name_any();
    if run.spec.tutorial.is_none() {
        return Err(Failure::usage(format!("{name} has no tutorial"))
            .hint(format!("`testbed show {name}` says what it is"))
            .into());
    }
    // Before anything is waited for: a name that is wrong stays wrong.
    let experiment = arguments.experiment.clone().unwrap_or_else(|| experiment_of(&run));
    let file = disk.experiment(&experiment)?;
    let Some(run) = wait(&client, &run).await? else {
        anstream::eprintln!("\n{name} goes on without you: `testbed tutorial {name}` comes back to it");
        return Ok(ExitCode::from(INTERRUPTED));
    };
    let folder = store.folder(&run)?;
    let guide = guide(&client, &run, &file, &folder).await?;
    for note in &guide.notes {
        anstream::eprintln!("note: {}", output::plain(note));
    }
    if output::print_whole(&guide, arguments.output)? {
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.output == Format::Name {
        anstream::println!("experiment.experiments.illm.io/{name}");
        return Ok(ExitCode::SUCCESS);
    }
    let width = terminal_size::terminal_size().map_or(WIDEST, |(width, _)| usize::from(width.0));
    // Everything in it was made harmless before it was put together.
    anstream::print!("{}", text(&guide, width));
    if arguments.no_follow || !std::io::stdout().is_terminal() {
        return Ok(ExitCode::SUCCESS);
    }
    stay(&client, &run, &store, &folder).await
}

/// Waits until a person can begin; nothing if they would not wait.
async fn wait(client: &Client, run: &Experiment) -> Result<Option<Experiment>> {
    let name = run.name_any();
    let again = format!("`testbed run {}` makes another", experiment_of(run));
    let mut screen = Screen::new();
    let mut changes = follow::follow(client, run);
    loop {
        let change = tokio::select! {
            change = changes.next() => change.transpose()?,
            _ = tokio::signal::ctrl_c() => {
                screen.close();
                return Ok(None);
            }
        };
        match change {
            None => break,
            Some(Change::Gone) => {
                screen.close();
                return Err(Failure::failed(format!("{name} was deleted")).hint(again).into());
            }
            Some(Change::Written(seen)) => match readiness(&seen) {
                Readiness::Ready => {
                    screen.close();
                    return Ok(Some(*seen));
                }
                Readiness::Waits(what) => screen.show_waiting(&seen, &what),
                Readiness::Over(why) => {
                    screen.close();
                    return Err(Failure::failed(format!("{name} cannot be followed along: {why}"))
                        .hint(again)
                        .into());
                }
            },
        }
    }
    screen.close();
    Err(Failure::unreachable(format!("{name} could not be followed")).into())
}

/// Follows the run until nothing is left of it, and takes its kubeconfigs away then.
async fn stay(client: &Client, run: &Experiment, store: &Store, folder: &Folder) -> Result<ExitCode> {
    let name = run.name_any();
    anstream::eprintln!(
        "\nFollowing {name} until it is deleted; Ctrl-C leaves it as it is, `testbed delete {name}` ends it.\n"
    );
    let mut screen = Screen::new();
    let mut changes = follow::follow(client, run);
    let mut renewal = interval_at(Instant::now() + RENEWAL, RENEWAL);
    loop {
        let change = tokio::select! {
            change = changes.next() => change.transpose()?,
            _ = renewal.tick() => {
                // The hub may be away for a moment, and what is there is good for many hours still.
                if let Err(error) = write_kubeconfigs(client, run, folder).await {
                    tracing::warn!(error = format!("{error:#}"), "kubeconfigs are not renewed");
                }
                continue;
            }
            _ = tokio::signal::ctrl_c() => {
                screen.close();
                anstream::eprintln!(
                    "\n{name} stays until it is deleted, and so do its kubeconfigs: `testbed tutorial {name}` comes \
                     back to it, `testbed delete {name}` ends it"
                );
                return Ok(ExitCode::SUCCESS);
            }
        };
        match change {
            Some(Change::Written(seen)) => screen.show(&seen),
            // The stream ends when the run is over: then its clusters are gone, though it is still listed.
            Some(Change::Gone) | None => break,
        }
    }
    screen.close();
    store.forget(run)?;
    anstream::eprintln!("{name} is over; its kubeconfigs are removed");
    Ok(ExitCode::SUCCESS)
}

/// Returns a tutorial as text: a function of its content and the width alone. Commands stand alone in their lines and are
/// never broken, so that they can be copied.
fn text(guide: &Guide, width: usize) -> String {
    let (bold, code) = (Style::new().bold(), AnsiColor::Cyan.on_default());
    let quiet = Style::new().dimmed();
    let width = width.min(WIDEST);
    let mut out = String::new();
    let _ = writeln!(out, "{bold}{}{bold:#}", output::plain(&guide.title));
    let _ = writeln!(out, "{quiet}run {}{quiet:#}\n", guide.run);
    let paths = guide.kubeconfigs.iter().map(|(name, path)| (name, path.display().to_string()));
    let endpoints = guide.endpoints.iter().map(|(name, url)| (name, url.clone()));
    let mut table = output::table(&["", ""]);
    for (name, place) in endpoints.chain(paths.map(|(name, path)| (name, format!("kubeconfig {path}")))) {
        table.add_row([name.as_str(), &place]);
    }
    for line in output::plain(&output::rendered(&mut table)).lines().filter(|line| !line.trim().is_empty()) {
        let _ = writeln!(out, "  {line}");
    }
    for (index, step) in guide.steps.iter().enumerate() {
        let _ = writeln!(out, "\n{bold}{}. {}{bold:#}", index + 1, step.title);
        for line in step.text.trim_end().lines().flat_map(|line| wrapped(line, width.saturating_sub(3))) {
            let _ = writeln!(out, "   {line}");
        }
        if let Some(command) = &step.command {
            let _ = writeln!(out);
            for line in command.trim_end().lines() {
                let _ = writeln!(out, "     {code}{line}{code:#}");
            }
        }
        if let Some(expect) = &step.expect {
            let _ = writeln!(out);
            let lines = expect.trim_end().lines().flat_map(|line| wrapped(line, width.saturating_sub(5)));
            for (index, line) in lines.enumerate() {
                let lead = if index == 0 { "→" } else { " " };
                let _ = writeln!(out, "   {quiet}{lead} {line}{quiet:#}");
            }
        }
    }
    out
}

/// Returns a paragraph in lines of at most `width` letters; a longer word has a line of its own.
fn wrapped(paragraph: &str, width: usize) -> Vec<String> {
    if width < NARROWEST {
        return vec![paragraph.to_owned()];
    }
    let mut lines = vec![String::new()];
    for word in paragraph.split_whitespace() {
        let last = lines
            .last_mut()
            .filter(|line| line.is_empty() || line.chars().count() + 1 + word.chars().count() <= width);
        match last {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use testbed_core::tutorial::Step;

    #[test]
    fn a_paragraph_is_broken_between_words_only() {
        let long = "a".repeat(50);
        let text = format!("one two {long} three four five six seven eight nine ten eleven");
        assert_eq!(
            wrapped(&text, 40),
            ["one two", long.as_str(), "three four five six seven eight nine ten", "eleven"]
        );
        assert_eq!(wrapped("one two", 10), ["one two"]);
        assert_eq!(wrapped("", 40), [""]);
    }

    #[test]
    fn a_tutorial_reads_as_steps_with_commands_that_can_be_copied() {
        let step = Step {
            title: "Ask it".into(),
            text: "It answers over HTTP.\nTo anyone.\n".into(),
            command: Some("curl -s http://10.88.0.7:30100/api/v1/query --data-urlencode 'query=count by (__name__) ({__name__=~\"load_.+\"})'\nsleep 1\n".into()),
            expect: Some("A list with one entry.".into()),
        };
        let guide = Guide {
            run: "store-x7k2q".into(),
            title: "First steps".into(),
            endpoints: [("store".to_owned(), "http://10.88.0.7:30100".to_owned())].into(),
            kubeconfigs: [("app".to_owned(), "/run/user/1/testbed/store-x7k2q/app.kubeconfig".into())].into(),
            steps: vec![step.clone(), Step { command: None, expect: None, ..step }],
            notes: Vec::new(),
        };
        insta::assert_snapshot!(anstream::adapter::strip_str(&text(&guide, 60)).to_string());
    }
}
