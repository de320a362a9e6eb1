//! The cluster that is spoken to: the embedded hub if it is up, else the current kubeconfig, or the one that is named.

use crate::error::Failure;
use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::{Api, ListParams};
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config, ResourceExt};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio::io::copy_bidirectional;
use tokio::net::TcpListener;

/// Which cluster, and which namespace of it.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ClusterArguments {
    /// Kubeconfig; that of the embedded hub if it is up, else the one that kubectl takes
    #[arg(long, env = "KUBECONFIG", value_name = "FILE", help_heading = "Cluster")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    pub(crate) context: Option<String>,
    /// Namespace of the experiments
    #[arg(short, long, default_value = "experiments", value_name = "NAME", help_heading = "Cluster")]
    pub(crate) namespace: String,
}

/// Returns a client of the cluster.
pub(crate) async fn connect(arguments: &ClusterArguments) -> Result<Client> {
    Ok(connect_to(arguments).await?.0)
}

/// Returns a client of the cluster, and the address of its API server.
pub(crate) async fn connect_to(arguments: &ClusterArguments) -> Result<(Client, String)> {
    let embedded = testbed_hub::kubeconfig();
    let named = arguments.kubeconfig.clone().filter(|path| !path.as_os_str().is_empty());
    let options = KubeConfigOptions { context: arguments.context.clone(), ..KubeConfigOptions::default() };
    let config = match named.or(if arguments.context.is_none() { embedded } else { None }) {
        Some(path) => Config::from_custom_kubeconfig(read(&path)?, &options).await,
        None => Config::from_kubeconfig(&options).await,
    };
    let config = config.map_err(|error| {
        Failure::unreachable(format!("there is no cluster to talk to: {error}"))
            .hint("start the embedded hub with `testbed hub up`, or name a cluster with --kubeconfig")
    })?;
    let server = config.cluster_url.to_string();
    let client = Client::try_from(config).context("failed to make a client of the cluster")?;
    Ok((client, server))
}

/// Reads a kubeconfig, or several in one as the environment may name them; of what several say, the first counts.
fn read(paths: &Path) -> Result<Kubeconfig, Failure> {
    let failed = |path: &Path, error: KubeconfigError| {
        Failure::unreachable(format!("failed to read kubeconfig {}: {error}", path.display()))
    };
    let mut whole: Option<Kubeconfig> = None;
    // One whose name holds what separates several is one all the same.
    let parts = if paths.is_file() { vec![paths.to_owned()] } else { std::env::split_paths(paths).collect() };
    let several = parts.len() > 1;
    // As kubectl: of several, those that are not there are passed over.
    for path in parts.into_iter().filter(|path| !several || path.is_file()) {
        let part = Kubeconfig::read_from(&path).map_err(|error| failed(&path, error))?;
        whole = Some(match whole {
            Some(whole) => whole.merge(part).map_err(|error| failed(&path, error))?,
            None => part,
        });
    }
    whole.ok_or_else(|| Failure::unreachable(format!("none of the kubeconfigs {} is there", paths.display())))
}

/// Listens on a port of the loopback address and carries every connection to a pod behind a Service,
/// through the API server and with the caller's own rights. Ends with the program.
pub(crate) async fn forward(
    client: &Client,
    namespace: &str,
    service: &str,
    port: u16,
) -> Result<SocketAddr> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let pod = pod_of(client, &pods, namespace, service).await?;
    let listener =
        TcpListener::bind(("127.0.0.1", 0)).await.context("failed to listen on the loopback address")?;
    let address = listener.local_addr().context("failed to listen on the loopback address")?;
    tokio::spawn(async move {
        while let Ok((mut local, _)) = listener.accept().await {
            let (pods, pod) = (pods.clone(), pod.clone());
            tokio::spawn(async move {
                let Ok(mut forwarder) = pods.portforward(&pod, &[port]).await else { return };
                let Some(mut remote) = forwarder.take_stream(port) else { return };
                // Either side may close first: that ends the connection, and is no error.
                let _ = copy_bidirectional(&mut local, &mut remote).await;
            });
        }
    });
    Ok(address)
}

async fn pod_of(client: &Client, pods: &Api<Pod>, namespace: &str, service: &str) -> Result<String> {
    let services: Api<Service> = Api::namespaced(client.clone(), namespace);
    let selector = services.get(service).await?.spec.and_then(|spec| spec.selector).unwrap_or_default();
    let selector = selector.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",");
    let candidates = pods.list(&ListParams::default().labels(&selector)).await?;
    let ready = |pod: &&Pod| {
        let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
        conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
    };
    let pod = candidates.iter().find(ready);
    Ok(pod
        .ok_or_else(|| Failure::unreachable(format!("no pod of service {namespace}/{service} is ready")))?
        .name_any())
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::disallowed_methods,
        clippy::unwrap_used,
        reason = "a test reads its files, and panics when it cannot go on"
    )]

    use super::*;
    use std::fs;

    #[test]
    fn several_kubeconfigs_are_read_as_one_and_the_first_counts() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let config = |context: &str| {
            format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: {context}\nclusters: []\nusers: []\ncontexts: []\n"
            )
        };
        fs::write(at("a"), config("first")).unwrap();
        fs::write(at("b"), config("second")).unwrap();
        let both = std::env::join_paths([at("none"), at("a"), at("b")]).unwrap();
        assert_eq!(read(Path::new(&both)).unwrap().current_context.as_deref(), Some("first"));
        assert_eq!(read(&at("b")).unwrap().current_context.as_deref(), Some("second"));
        let none = std::env::join_paths([at("none"), at("neither")]).unwrap();
        assert!(read(Path::new(&none)).unwrap_err().to_string().contains("none of the kubeconfigs"));
        assert!(read(&at("none")).unwrap_err().to_string().contains("failed to read"));
    }
}
