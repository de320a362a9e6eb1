//! `testbed hub install` and `testbed hub uninstall`: a hub on a cluster that someone else made.

use super::hub::{Output, seconds, shown};
use crate::ops::connect::{ClusterArguments, connect};
use crate::ops::install::{Installed, Options};
use crate::ops::uninstall::Removed;
use crate::ops::{install, uninstall};
use anyhow::Result;
use clap::Args;
use kube::Client;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use testbed_hub::Layout;
use testbed_hub::chart::StorageKind;

/// The cluster, which has to be named: nothing is installed into one by accident.
#[derive(Debug, Args)]
pub(crate) struct Where {
    /// Kubeconfig of an administrator of the cluster
    #[arg(long, value_name = "FILE")]
    kubeconfig: PathBuf,
    /// Context of the kubeconfig; its current one if not given
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

impl Where {
    async fn connect(&self) -> Result<Client> {
        let arguments = ClusterArguments {
            kubeconfig: Some(self.kubeconfig.clone()),
            context: self.context.clone(),
            namespace: String::new(),
        };
        connect(&arguments).await
    }

    /// The arguments again, for a command that a person may type next.
    fn words(&self) -> String {
        let context = self.context.as_deref().map(|name| format!(" --context {name}")).unwrap_or_default();
        format!("--kubeconfig {}{context}", self.kubeconfig.display())
    }
}

/// Put a hub onto a cluster that someone else made
///
/// Brings Crossplane, Argo CD, Argo Workflows, VictoriaMetrics, an S3 store, a registry, the gateway for metrics and
/// the operator: as a Helm chart in a registry, and one Application of Argo CD, `argocd/testbed-hub`, that keeps it
/// installed. Images and definitions are those of the embedded hub on this machine, which has to be up.
///
/// The cluster is looked at before anything is made: whether it answers, whether this user may do everything, and
/// whether it has something of the same names that is not ours, such as an Argo CD: then it is left alone.
/// May be repeated: it brings what is installed up to date, with the secrets and the storage it has.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  testbed hub install --kubeconfig c.yaml --dry-run
      look at the cluster, say what would be made
  testbed hub install --kubeconfig c.yaml --registry registry.example.com/team/testbed
      push images and chart there, with the credentials of `docker login`, and install
  testbed hub install --kubeconfig c.yaml
      for clusters that pull from the embedded hub's registry, such as its own local clusters
  testbed hub install --kubeconfig c.yaml --set storage.className=fast --set storage.size=50Gi

Values for --set:
  storage.kind       claim, or emptyDir: data is gone with the pod; the default where no StorageClass is the default
  storage.className  StorageClass of the claims, 10Gi each unless storage.size says otherwise
  kubelet.insecure   true where kubelets sign their own certificates, as kubeadm's do by default
  remoteWrite        URL under which clusters of runs reach the gateway for metrics
  registry           registry (host:port) that nodes of local clusters pull from
  addresses.NAME     fixed address of Service registry, s3, victoria-metrics or testbed-ingest

Afterwards:
  testbed catalog push --kubeconfig c.yaml
  testbed run hello-app --kubeconfig c.yaml
  testbed hub uninstall --kubeconfig c.yaml")]
pub(crate) struct InstallArgs {
    #[command(flatten)]
    cluster: Where,
    /// Registry that images and chart are pushed to, and that the cluster pulls from
    #[arg(long, value_name = "HOST/FOLDER")]
    registry: Option<String>,
    /// Speak HTTP without TLS with that registry
    #[arg(long, requires = "registry")]
    plain_http: bool,
    /// Set a value of the chart; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Write the chart into this folder too
    #[arg(long, value_name = "FOLDER")]
    chart: Option<PathBuf>,
    /// Look at the cluster and say what would be made; make nothing in it
    #[arg(long)]
    dry_run: bool,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// Folder of the project; found from the working folder if not given
    #[arg(long, env = "TESTBED_ROOT", value_name = "FOLDER")]
    root: Option<PathBuf>,
}

/// Take away what `install` brought, and nothing else
///
/// Everything that was brought carries the label `illm.io/hub=testbed-hub`. It goes in the order in which things let
/// go of each other: what keeps it installed, what Crossplane holds, pods, namespaces, and the definitions with their
/// objects last. Then every kind the cluster knows is listed, to see that nothing is left.
///
/// Stored results and metrics go with it. While there are runs, clusters, or other people's Applications, it refuses.
#[derive(Debug, Args)]
pub(crate) struct UninstallArgs {
    #[command(flatten)]
    cluster: Where,
    /// Delete runs, clusters and Applications first, and wait until they are gone
    #[arg(long)]
    force: bool,
    /// Say what would be taken away
    #[arg(long)]
    dry_run: bool,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// Runs `testbed hub install`.
pub(crate) async fn install(arguments: &InstallArgs) -> Result<ExitCode> {
    let layout = Layout::find(arguments.root.as_deref())?;
    let client = arguments.cluster.connect().await?;
    let options = Options {
        registry: arguments.registry.clone(),
        plain_http: arguments.plain_http,
        set: arguments.set.clone(),
        chart: arguments.chart.clone(),
        dry_run: arguments.dry_run,
    };
    let installed =
        shown(|reporter| async move { install::install(&client, &layout, &options, &reporter).await })
            .await?;
    if !print(&installed, arguments.output)? {
        print_installed(&installed, &arguments.cluster, arguments.chart.as_deref());
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs `testbed hub uninstall`.
pub(crate) async fn uninstall(arguments: &UninstallArgs) -> Result<ExitCode> {
    let client = arguments.cluster.connect().await?;
    let (force, dry_run) = (arguments.force, arguments.dry_run);
    let removed =
        shown(|reporter| async move { uninstall::uninstall(&client, force, dry_run, &reporter).await })
            .await?;
    if !print(&removed, arguments.output)? {
        print_removed(&removed);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(value: &impl Serialize, output: Output) -> Result<bool> {
    match output {
        Output::Json => anstream::println!("{}", serde_json::to_string_pretty(value)?),
        Output::Yaml => anstream::print!("{}", serde_saphyr::to_string(value)?),
        Output::Table => return Ok(false),
    }
    Ok(true)
}

fn print_installed(installed: &Installed, cluster: &Where, chart: Option<&Path>) {
    if installed.dry_run {
        anstream::println!("nothing was made in the cluster; this would be:");
        print_kinds(&installed.objects);
    } else {
        let took = seconds(Duration::from_secs_f64(installed.seconds));
        let word = if installed.upgraded { "is up to date" } else { "is installed" };
        anstream::println!("the hub {word} after {took}");
    }
    anstream::println!("chart: {}", installed.chart);
    if let Some(folder) = chart {
        anstream::println!("       and in {}", folder.display());
    }
    match installed.values.storage.kind {
        StorageKind::Claim => {
            let class = &installed.values.storage.class_name;
            let class = if class.is_empty() { "the default class" } else { class };
            anstream::println!("data: claims of {} each, of {class}", installed.values.storage.size);
        }
        StorageKind::EmptyDir => {
            anstream::println!("data: in empty folders: results and metrics are gone with their pods");
        }
    }
    if !installed.dry_run {
        let words = cluster.words();
        anstream::println!(
            "\nnext:\n  testbed catalog push {words}\n  testbed run hello-app {words}\n  testbed hub uninstall {words}"
        );
    }
}

fn print_removed(removed: &Removed) {
    if removed.objects.is_empty() {
        anstream::println!("no hub was installed on this cluster");
    } else if removed.dry_run {
        anstream::println!("nothing was touched; this would be taken away:");
        print_kinds(&removed.objects);
        if !removed.uses.is_empty() {
            anstream::println!("before that these must go, or --force deletes them:");
            removed.uses.iter().for_each(|used| anstream::println!("       {}", super::output::plain(used)));
        }
    } else {
        let count: usize = removed.objects.values().sum();
        let took = seconds(Duration::from_secs_f64(removed.seconds));
        anstream::println!("the hub is gone after {took}: {count} objects, and all that came of them");
        anstream::println!("{} kinds were listed, and nothing of it is left", removed.kinds_listed);
    }
}

fn print_kinds(objects: &BTreeMap<String, usize>) {
    for (kind, count) in objects {
        anstream::println!("{count:>5}  {kind}");
    }
}
