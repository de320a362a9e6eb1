//! The cluster that is spoken to: the embedded hub if it is up, else the current kubeconfig, or the one that is named.

use crate::error::Failure;
use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::{Api, ListParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config, ResourceExt};
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::io::copy_bidirectional;
use tokio::net::TcpListener;

/// Which cluster, and which namespace of it.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ClusterArguments {
    /// Kubeconfig to use instead of the embedded hub's
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
        Some(path) => {
            let kubeconfig = Kubeconfig::read_from(&path).map_err(|error| {
                Failure::unreachable(format!("failed to read kubeconfig {}: {error}", path.display()))
            })?;
            Config::from_custom_kubeconfig(kubeconfig, &options).await
        }
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
