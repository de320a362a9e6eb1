//! A lab inside the lab: a hub installed into a local cluster of the hub, used, and taken away again.

use crate::lab::{CLUSTERS, as_before, client, composites, empty, objects, settled, testbed, testbed_ok};
use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use testbed_api::Summary;
use tokio::time::{sleep, timeout};

/// How long a cluster may take to be ready, or to be gone.
const PATIENCE: Duration = Duration::from_secs(60);

/// A cluster that belongs to no run.
struct Cluster {
    name: String,
    hub: Client,
    folder: PathBuf,
}

impl Cluster {
    /// Makes one and waits until it is ready.
    async fn make(hub: &Client, name: &str) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("testbed-install-{}", std::process::id()));
        let cluster = Self { name: name.to_owned(), hub: hub.clone(), folder };
        cluster.remove().await?;
        std::fs::create_dir_all(&cluster.folder)?;
        let object = json!({
            "apiVersion": "illm.io/v1alpha1", "kind": "ExperimentCluster",
            "metadata": {"name": name, "namespace": CLUSTERS},
            "spec": {"type": "local", "nodeCount": 1, "machineType": "local-large"},
        });
        composites(hub).create(&PostParams::default(), &serde_json::from_value(object)?).await?;
        let ready = async {
            loop {
                let object = composites(hub).get(name).await?;
                let conditions = object.data.pointer("/status/conditions").and_then(Value::as_array).cloned();
                let conditions = conditions.unwrap_or_default();
                if conditions.iter().any(|is| is["type"] == "Ready" && is["status"] == "True") {
                    return anyhow::Ok(());
                }
                sleep(Duration::from_millis(200)).await;
            }
        };
        timeout(PATIENCE, ready).await.context("the cluster is not ready")??;
        Ok(cluster)
    }

    /// Writes its kubeconfig for this machine, which does not know the hub's names.
    async fn kubeconfig(&self) -> Result<String> {
        let secrets: Api<Secret> = Api::namespaced(self.hub.clone(), CLUSTERS);
        let data = secrets.get(&format!("{}-kubeconfig", self.name)).await?.data.unwrap_or_default();
        let mut config: Value = serde_json::from_slice(&data.get("kubeconfig").context("no kubeconfig")?.0)?;
        let services: Api<Service> = Api::namespaced(self.hub.clone(), CLUSTERS);
        let service = services.get(&self.name).await?.spec.unwrap_or_default();
        let address = service.cluster_ip.filter(|address| address != "None");
        let address = match address {
            Some(address) => address,
            None => {
                let pods: Api<Pod> = Api::namespaced(self.hub.clone(), CLUSTERS);
                let of = ListParams::default().labels(&format!("illm.io/cluster={}", self.name));
                let pod = pods.list(&of).await?.items.pop().context("the cluster has no pod")?;
                pod.status.and_then(|status| status.pod_ip).context("its pod has no address")?
            }
        };
        let cluster = &mut config["clusters"][0]["cluster"];
        let server = cluster["server"].as_str().context("no server")?.to_owned();
        let host = server.trim_start_matches("https://").split(':').next().unwrap_or_default().to_owned();
        cluster["server"] = server.replace(&host, &address).into();
        cluster["tls-server-name"] = host.into();
        let path = self.folder.join("kubeconfig");
        std::fs::write(&path, config.to_string())?;
        Ok(path.display().to_string())
    }

    async fn remove(&self) -> Result<()> {
        let _ = std::fs::remove_dir_all(&self.folder);
        let api = composites(&self.hub);
        match api.delete(&self.name, &DeleteParams::foreground()).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let gone = async {
            while api.get_opt(&self.name).await?.is_some() {
                sleep(Duration::from_millis(200)).await;
            }
            anyhow::Ok(())
        };
        timeout(PATIENCE, gone).await.context("the cluster is not gone")?
    }
}

async fn client_of(kubeconfig: &str) -> Result<Client> {
    let options = KubeConfigOptions::default();
    Ok(Client::try_from(Config::from_custom_kubeconfig(Kubeconfig::read_from(kubeconfig)?, &options).await?)?)
}

#[tokio::test]
async fn a_hub_is_installed_into_a_cluster_used_and_taken_away_without_a_trace() -> Result<()> {
    let hub = client().await?;
    empty(&hub).await?;
    let before = objects(&hub).await?;
    let cluster = Cluster::make(&hub, "own-hub").await?;
    let outcome = in_a_cluster(&cluster).await;
    // Whatever came of it, the next test wants the memory.
    cluster.remove().await?;
    outcome?;
    as_before(&hub, &before).await.context("left over on the outer hub")
}

async fn in_a_cluster(cluster: &Cluster) -> Result<()> {
    let kubeconfig = cluster.kubeconfig().await?;
    let inner = client_of(&kubeconfig).await?;
    let before = settled(&inner).await?;
    let with = ["--kubeconfig", kubeconfig.as_str()];
    let run = async |arguments: &[&str]| testbed_ok(&[arguments, &with].concat()).await;

    let nothing = run(&["hub", "uninstall"]).await?;
    ensure!(nothing.contains("no hub was installed"), "{nothing}");
    run(&["hub", "install", "--dry-run"]).await?;
    let made: Vec<_> = objects(&inner).await?.difference(&before).cloned().collect();
    ensure!(made.is_empty(), "a dry run made {made:?}");

    let begun = Instant::now();
    run(&["hub", "install"]).await?;
    println!("install took {:.1?}", begun.elapsed());
    let begun = Instant::now();
    let again: Value = serde_json::from_str(&run(&["hub", "install", "-o", "json"]).await?)?;
    println!("installing again took {:.1?}", begun.elapsed());
    ensure!(again["upgraded"] == true, "{again}");

    run(&["catalog", "push"]).await?;
    let begun = Instant::now();
    run(&["run", "hello-app"]).await?;
    println!("hello-app inside took {:.1?}", begun.elapsed());
    let result: Summary = serde_json::from_str(&run(&["results", "hello-app", "-o", "json"]).await?)?;
    ensure!(result.metrics.is_some_and(|metrics| !metrics.queries.is_empty()), "nothing was measured");

    let refused = testbed(&[&["hub", "uninstall"][..], &with].concat()).await?;
    let words = String::from_utf8_lossy(&refused.stderr);
    ensure!(!refused.status.success() && words.contains("the hub is in use"), "{words}");
    let begun = Instant::now();
    run(&["hub", "uninstall", "--force"]).await?;
    println!("uninstall took {:.1?}", begun.elapsed());
    as_before(&inner, &before).await?;
    let gone: Vec<_> = before.difference(&objects(&inner).await?).cloned().collect();
    ensure!(gone.is_empty(), "taken away though it was there before: {gone:?}");
    Ok(())
}

#[tokio::test]
async fn a_cluster_with_an_argo_cd_of_its_own_is_left_alone() -> Result<()> {
    let hub = client().await?;
    let before = objects(&hub).await?;
    // The embedded hub is one.
    let kubeconfig = testbed_hub::kubeconfig().context("the hub is not up")?.display().to_string();
    let refused = testbed(&["hub", "install", "--kubeconfig", &kubeconfig]).await?;
    let words = String::from_utf8_lossy(&refused.stderr);
    ensure!(!refused.status.success(), "it was installed");
    ensure!(words.contains("Argo CD") && words.contains("Crossplane") && words.contains("hint"), "{words}");
    as_before(&hub, &before).await.context("made though it was refused")
}
