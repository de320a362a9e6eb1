//! `testbed hub`: the embedded hub, from the command line.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    io::{IsTerminal, Read, Seek, SeekFrom, Write},
    path::PathBuf,
    process::{ExitCode, Stdio},
    time::Duration,
};

use super::{candidates, output};
use crate::error::Failure;
use crate::ops::connect::{ClusterArguments, connect};
use crate::ops::elsewhere;
use crate::ops::foreign::few;
use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use clap_complete::{ArgValueCandidates, CompletionCandidate};
use comfy_table::{CellAlignment, Table, presets};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use testbed_core::pool::MOST;
use testbed_hub::{Component, Event, HubStatus, Images, Layout, Reporter, Settings, StatusError, Wishes};

/// How long a hub may take to say what it has elsewhere, before it is stopped.
const ASKED: Duration = Duration::from_secs(20);

/// What is said where only a hub that runs can be asked.
fn not_running() -> Failure {
    Failure::unreachable("the hub is not running").hint("start it with `testbed hub up`")
}

/// Build, start, look at and remove the embedded hub
///
/// The hub is a real Kubernetes on this machine, made from pinned sources without Docker: etcd, the control plane,
/// containerd and a kubelet, and on it a registry, an S3 store, VictoriaMetrics, Argo Workflows and Argo CD.
/// It listens on no address beyond the machine, and `testbed hub down --purge` leaves nothing of it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  testbed hub up                        build what is missing and start; safe to repeat
  testbed hub up --with loki            build what is made on demand too
  testbed hub settings --warm-clusters 2
                                        keep two clusters ready, so that runs need not wait
  testbed hub status                    components, add-ons and the memory of each
  testbed hub kubectl get pods -A       kubectl with the hub's own kubeconfig
  testbed hub logs kubelet -f           follow the log of a component
  testbed hub down                      stop; data and built parts stay
  testbed hub down --purge              stop and remove everything but built parts
  testbed hub clean                     remove built parts
  testbed hub install --kubeconfig FILE put a hub onto a cluster that is there already

Folders:
  /var/cache/testbed  built parts                      (TESTBED_CACHE)
  /var/lib/testbed    data, certificates, logs         (TESTBED_STATE)
  /run/testbed        sockets and locks                (TESTBED_RUN)")]
pub(crate) struct HubArgs {
    #[command(subcommand)]
    command: HubCommand,
}

impl HubArgs {
    /// Returns whether this is the process that keeps the hub running.
    pub(crate) fn is_daemon(&self) -> bool {
        matches!(self.command, HubCommand::Supervise)
    }
}

#[derive(Debug, Subcommand)]
enum HubCommand {
    /// Build what is missing, start the hub and wait until it works
    ///
    /// Says what the machine lacks before it makes anything. May be repeated: it starts what is not running,
    /// restarts what changed, and leaves the rest alone. A first build takes about half an hour on two processors.
    Up {
        /// Folder of the project; found from the working folder if not given
        #[arg(long, env = "TESTBED_ROOT", value_name = "FOLDER")]
        root: Option<PathBuf>,
        /// Build an image that is made on demand too, such as loki; it stays as long as its parts are in the cache
        #[arg(long, value_name = "IMAGE", add = ArgValueCandidates::new(complete_images))]
        with: Vec<String>,
        #[command(flatten)]
        settings: SettingsArgs,
    },
    /// Show settings, or change those that are given
    ///
    /// They are stored in the hub, and go with its data.
    Settings {
        #[command(flatten)]
        settings: SettingsArgs,
    },
    /// Stop the hub
    ///
    /// What runs have in clouds and in clusters of others goes on meanwhile, and costs: nothing ends it, no budget and
    /// no time to live. With its data goes all that is known of it, so that `--purge` is refused as long as there is any.
    Down {
        /// Remove its data, certificates and logs too; built parts stay
        #[arg(long)]
        purge: bool,
        /// Purge even if runs have something in clouds or in clusters of others, which nobody removes then
        #[arg(long, requires = "purge")]
        force: bool,
    },
    /// Show components, add-ons and the memory each needs
    Status {
        /// Form of the output
        #[arg(short, long, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
    /// Print the log of a component or an add-on
    ///
    /// Without a name it lists those that have a log.
    Logs {
        /// For example `kubelet` or `argocd-repo-server`
        #[arg(add = ArgValueCandidates::new(complete_logs))]
        component: Option<String>,
        /// Go on printing what is added
        #[arg(short, long)]
        follow: bool,
        /// Lines from the end to begin with
        #[arg(short = 'n', long, default_value_t = 200, value_name = "LINES")]
        lines: usize,
    },
    /// Remove built parts and caches; the next `up` builds all of it again
    Clean,
    /// Run kubectl as the hub's administrator
    #[command(disable_help_flag = true)]
    Kubectl {
        /// Arguments for kubectl
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Put a hub onto a cluster that someone else made
    Install(super::install::InstallArgs),
    /// Take away what `install` brought, and nothing else
    Uninstall(super::install::UninstallArgs),
    /// Keep the hub's components running; `up` starts it
    #[command(hide = true)]
    Supervise,
    /// Become a component inside of its cgroup; the supervisor runs it
    #[command(hide = true)]
    Launch {
        #[arg(long)]
        cgroup: String,
        #[arg(long)]
        mounts: Option<PathBuf>,
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
}

#[derive(Debug, Args)]
struct SettingsArgs {
    /// Keep so many local clusters ready for runs to claim, at most 16; each takes memory whether it is used or not
    #[arg(long, value_name = "COUNT", value_parser = warm_clusters)]
    warm_clusters: Option<usize>,
}

impl SettingsArgs {
    fn wanted(&self) -> Settings {
        Settings { warm_clusters: self.warm_clusters }
    }
}

fn warm_clusters(text: &str) -> Result<usize, String> {
    let count: Option<usize> = text.parse().ok();
    count.filter(|count| *count <= MOST).ok_or_else(|| {
        format!("write a number from 0 to {MOST}: each takes the memory of a control plane, used or not")
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    Table,
    Json,
    Yaml,
}

/// Runs `testbed hub ...`.
///
/// # Errors
/// What the library says, to be shown to a person.
pub(crate) async fn run(args: HubArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        HubCommand::Up { root, with, settings } => {
            let layout = Layout::find(root.as_deref())?;
            let kept = layout.elsewhere();
            let wishes = Wishes { with, settings: settings.wanted() };
            let up =
                shown(|reporter| async move { testbed_hub::up(&layout, &wishes, &reporter).await }).await?;
            // What was so when it was stopped may change from now on.
            let _ = fs::remove_file(kept);
            println!("hub is up after {}", seconds(up.took));
            println!("kubeconfig: {}", up.kubeconfig.display());
        }
        HubCommand::Settings { settings } => {
            if testbed_hub::kubeconfig().is_none() {
                return Err(not_running().into());
            }
            let (layout, wanted) = (Layout::without_root(), settings.wanted());
            print_settings(&testbed_hub::change_settings(&layout, &wanted).await?);
        }
        HubCommand::Down { purge, force } => {
            let layout = Layout::without_root();
            mind_what_is_elsewhere(&layout, purge, force).await?;
            shown(|reporter| async move { testbed_hub::down(&layout, purge, &reporter).await }).await?;
        }
        HubCommand::Clean => {
            let layout = Layout::without_root();
            shown(|reporter| async move { testbed_hub::clean(&layout, &reporter).await }).await?;
        }
        HubCommand::Status { output } => {
            let status = testbed_hub::status(&Layout::without_root()).await?;
            match output {
                Output::Table => print_table(&status),
                Output::Json => println!("{}", serde_json::to_string_pretty(&status)?),
                Output::Yaml => print!("{}", serde_saphyr::to_string(&status)?),
            }
            return Ok(if status.state == "Ready" { ExitCode::SUCCESS } else { ExitCode::from(1) });
        }
        HubCommand::Logs { component, follow, lines } => {
            return logs(component.as_deref(), follow, lines).await;
        }
        HubCommand::Install(arguments) => return super::install::install(&arguments).await,
        HubCommand::Uninstall(arguments) => return super::install::uninstall(&arguments).await,
        HubCommand::Kubectl { args } => return kubectl(&args),
        HubCommand::Supervise => testbed_hub::supervise(&Layout::without_root()).await?,
        HubCommand::Launch { cgroup, mounts, command } => {
            testbed_hub::launch(&cgroup, mounts.as_deref(), &command)?
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Refuses to forget what the hub has elsewhere, and says what goes on without it.
async fn mind_what_is_elsewhere(layout: &Layout, purge: bool, force: bool) -> anyhow::Result<()> {
    let kept = layout.elsewhere();
    let held = match testbed_hub::kubeconfig() {
        Some(kubeconfig) => held_elsewhere(kubeconfig).await,
        // As it was when the hub was stopped.
        None => fs::read_to_string(&kept).ok().map(|text| text.lines().map(str::to_owned).collect()),
    };
    let Some(held) = held else {
        // What never ran knows of nothing.
        if layout.data().join("etcd").exists() && purge && !force {
            return Err(Failure::failed(
                "what runs have in clouds, if anything, is not known, and nobody would remove it",
            )
            .hint("`testbed hub up` first, so that it can be asked; or give --force")
            .into());
        }
        if !purge {
            // What an earlier stop said may not be so any more.
            let _ = fs::remove_file(&kept);
        }
        return Ok(());
    };
    if purge && !force && !held.is_empty() {
        return Err(Failure::failed(format!("this is not only in the hub: {}", few(&held)))
            .hint(
                "only this hub knows of it, and it would go on and cost for ever: `testbed hub up`, \
                 `testbed delete RUN` and wait, or give --force",
            )
            .into());
    }
    if !purge {
        fs::write(&kept, held.iter().map(|line| format!("{line}\n")).collect::<String>())
            .with_context(|| format!("failed to write {}", kept.display()))?;
        if !held.is_empty() {
            eprintln!("this goes on while the hub is away, and nothing ends it: {}", few(&held));
        }
    }
    Ok(())
}

/// Asks a hub that runs what it has elsewhere; says so if it does not answer.
async fn held_elsewhere(kubeconfig: PathBuf) -> Option<Vec<String>> {
    let namespace = "experiments".to_owned();
    let cluster = ClusterArguments { kubeconfig: Some(kubeconfig), context: None, namespace };
    let held = async { elsewhere::held(&connect(&cluster).await?).await };
    let why = match tokio::time::timeout(ASKED, held).await {
        Ok(Ok(held)) => return Some(held),
        Ok(Err(error)) => format!("{error:#}"),
        Err(_) => format!("no answer within {} s", ASKED.as_secs()),
    };
    eprintln!("the hub does not say what runs have in clouds: {why}");
    None
}

/// Runs something of the library and shows its events: as moving lines on a terminal, else one line for each.
pub(super) async fn shown<T, E, F>(work: impl FnOnce(Reporter) -> F) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    let (reporter, mut events) = Reporter::channel();
    let show = async {
        let mut screen = Screen::new(std::io::stderr().is_terminal());
        while let Some(event) = events.recv().await {
            screen.show(event);
        }
    };
    let (outcome, ()) = tokio::join!(work(reporter), show);
    outcome
}

struct Screen {
    bars: Option<MultiProgress>,
    steps: BTreeMap<String, ProgressBar>,
}

impl Screen {
    fn new(terminal: bool) -> Self {
        Self { bars: terminal.then(MultiProgress::new), steps: BTreeMap::new() }
    }

    fn show(&mut self, event: Event) {
        // What a server says of itself stands in some.
        match event.map(output::plain) {
            Event::Started { step, note } => match &self.bars {
                Some(bars) => {
                    let style = ProgressStyle::with_template("{spinner} {elapsed:>4} {wide_msg}");
                    let bar = bars.add(ProgressBar::new_spinner().with_message(note));
                    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
                    bar.enable_steady_tick(Duration::from_millis(100));
                    self.steps.insert(step, bar);
                }
                // Without a terminal only what takes long is announced; the rest is done in a moment.
                None if step.starts_with("build ") || step == "wait" => eprintln!("{note} ..."),
                None => {}
            },
            Event::Progress { step, note } => {
                if let Some(bar) = self.steps.get(&step) {
                    bar.set_message(format!("{step}: {note}"));
                }
            }
            Event::Done { step, note, took } => {
                if let Some(bar) = self.steps.remove(&step) {
                    bar.finish_and_clear();
                }
                self.line(&format!("✓ {note} ({})", seconds(took)));
            }
            Event::Skipped { note, .. } => self.line(&format!("- {note}")),
        }
    }

    fn line(&self, text: &str) {
        match &self.bars {
            // A line that cannot be shown is no reason to stop.
            Some(bars) => drop(bars.println(text)),
            None => eprintln!("{text}"),
        }
    }
}

pub(super) fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(100) {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        format!("{:.0} s", time.as_secs_f64())
    }
}

fn print_table(status: &HubStatus) {
    println!("Hub: {}", status.state);
    if let Some(api_server) = &status.api_server {
        println!("API server: {api_server}");
        println!("Kubeconfig: {}", status.kubeconfig.display());
    }
    if let Some(settings) = &status.settings {
        print_settings(settings);
    }
    for name in &status.left_out {
        println!("Left out: image {name}, `testbed hub up --with {name}` makes it");
    }
    if status.components.is_empty() {
        println!("\nhint: start it with `testbed hub up`");
        return;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["KIND", "NAME", "STATE", "RESTARTS", "MEMORY", "VERSION"]);
    for component in &status.components {
        table.add_row([
            component.kind.clone(),
            component.name.clone(),
            component.state.clone(),
            component.restarts.to_string(),
            component.memory_bytes.map_or_else(|| "-".into(), mebibytes),
            component.version.clone().unwrap_or_default(),
        ]);
    }
    table.add_row(["", "total", "", "", &status.memory_bytes.map_or_else(|| "-".into(), mebibytes), ""]);
    for column in [3, 4] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    println!("\n{table}");
}

fn print_settings(settings: &Settings) {
    println!("Warm clusters: {}", settings.warm_clusters.unwrap_or(0));
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

async fn logs(component: Option<&str>, follow: bool, lines: usize) -> anyhow::Result<ExitCode> {
    let layout = Layout::without_root();
    let pods = pods(&layout).await?;
    let Some(component) = component else {
        names(&layout, pods).iter().for_each(|name| println!("{name}"));
        return Ok(ExitCode::SUCCESS);
    };
    if let Some(pod) = pods.iter().find(|pod| pod.name == component) {
        let mut args = vec!["logs".into(), format!("--namespace={}", pod.kind), format!("--tail={lines}")];
        args.push(format!("--selector=app.kubernetes.io/name={component}"));
        args.extend(follow.then(|| "--follow".to_owned()));
        return kubectl(&args.into_iter().map(OsString::from).collect::<Vec<_>>());
    }
    let path = layout.logs().join(format!("{component}.log"));
    let Ok(mut file) = fs::File::open(&path) else {
        let known = names(&layout, pods).join(", ");
        return Err(Failure::usage(format!("no component `{component}` has a log"))
            .hint(format!("these have one: {known}"))
            .into());
    };
    let mut text = Vec::new();
    file.read_to_end(&mut text).with_context(|| format!("cannot read `{}`", path.display()))?;
    let mut out = std::io::stdout();
    out.write_all(last_lines(&text, lines))?;
    if follow {
        let mut place = text.len() as u64;
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            // A log that became shorter was put aside and begins anew.
            if file.metadata()?.len() < place {
                place = 0;
            }
            file.seek(SeekFrom::Start(place))?;
            text.clear();
            file.read_to_end(&mut text)?;
            place += text.len() as u64;
            out.write_all(&text)?;
            out.flush()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the pods of the add-ons, if the hub runs.
async fn pods(layout: &Layout) -> Result<Vec<Component>, StatusError> {
    let all = testbed_hub::status(layout).await?.components;
    Ok(all.into_iter().filter(|component| component.kind != "process").collect())
}

/// Returns the names of all that has a log: processes, and then these pods.
fn names(layout: &Layout, pods: Vec<Component>) -> Vec<String> {
    let files = fs::read_dir(layout.logs()).into_iter().flatten().flatten();
    let processes =
        files.filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(".log")?.to_owned()));
    let mut names: Vec<_> = processes.collect();
    names.sort();
    names.extend(pods.into_iter().map(|pod| pod.name));
    names
}

fn complete_logs() -> Vec<CompletionCandidate> {
    candidates(async {
        let layout = Layout::without_root();
        let pods = pods(&layout).await.unwrap_or_default();
        Some(names(&layout, pods))
    })
}

fn complete_images() -> Vec<CompletionCandidate> {
    let images = Layout::find(None).ok().and_then(|layout| Images::read(&layout).ok());
    let names = images.map(|images| images.on_demand()).unwrap_or_default();
    names.into_iter().map(CompletionCandidate::new).collect()
}

fn last_lines(text: &[u8], lines: usize) -> &[u8] {
    let end = text.len().saturating_sub(usize::from(text.ends_with(b"\n")));
    let start =
        text[..end].iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n').nth(lines.saturating_sub(1));
    &text[start.map_or(0, |(place, _)| place + 1)..]
}

fn kubectl(args: &[OsString]) -> anyhow::Result<ExitCode> {
    let layout = Layout::without_root();
    let record = testbed_hub::Record::read(&layout);
    let Some(kubectl) =
        record.and_then(|record| Some(record.parts.get("kubernetes")?.folder.join("bin/kubectl")))
    else {
        return Err(not_running().into());
    };
    let status = std::process::Command::new(&kubectl)
        .args(args)
        .env("KUBECONFIG", layout.kubeconfig())
        // Not in the home folder, where it would outlive the hub.
        .env("KUBECACHEDIR", layout.state.join("kubectl"))
        .stdin(Stdio::inherit())
        .status()
        .with_context(|| format!("cannot run `{}`", kubectl.display()))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_the_end_of_the_text() {
        assert_eq!(last_lines(b"a\nb\nc\n", 2), b"b\nc\n");
        assert_eq!(last_lines(b"a\nb\nc\n", 9), b"a\nb\nc\n");
        assert_eq!(last_lines(b"", 3), b"");
    }

    #[test]
    fn warm_clusters_have_bounds_and_say_so() {
        assert_eq!((warm_clusters("0"), warm_clusters("16")), (Ok(0), Ok(16)));
        for text in ["17", "-1", "two", ""] {
            assert!(warm_clusters(text).unwrap_err().starts_with("write a number from 0 to 16"), "{text}");
        }
    }

    #[test]
    fn short_times_have_a_tenth_and_long_ones_do_not() {
        assert_eq!(seconds(Duration::from_millis(9_640)), "9.6 s");
        assert_eq!(seconds(Duration::from_secs(402)), "402 s");
    }
}
