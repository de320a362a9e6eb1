//! Charts of what the lab adds to targets, rendered by the hub's own helm and read by the hub's own vmagent.

use crate::lab::root;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use testbed_hub::{Layout, Record};
use tokio::process::Command;

/// Where the agent of a test writes to.
const GATEWAY: &str = "remoteWriteUrl=http://10.96.0.53:8080/api/v1/write";

/// Returns a binary of a part of the hub.
fn binary(part: &str, name: &str) -> Result<PathBuf> {
    let record = Record::read(&Layout::find(Some(&root()))?).context("the hub was never up")?;
    let part = record.parts.get(part).with_context(|| format!("the hub has no part {part}"))?;
    Ok(part.folder.join("bin").join(name))
}

/// Returns the objects of a chart, in a namespace of a run.
async fn render(chart: &str, namespace: &str, values: &[&str]) -> Result<Vec<Value>> {
    let folder = root().join("components").join(chart).join("chart");
    let name = Path::new(chart).file_name().and_then(|name| name.to_str()).context("no name")?;
    let mut helm = Command::new(binary("helm", "helm")?);
    helm.args(["template", name]).arg(folder).args(["--namespace", namespace]);
    values.iter().for_each(|value| {
        helm.args(["--set", value]);
    });
    let output = helm.output().await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_saphyr::from_multiple(&String::from_utf8(output.stdout)?)?)
}

/// Returns the objects of an agent of a target.
async fn agent(chart: &str, namespace: &str, more: &[&str]) -> Result<Vec<Value>> {
    let labels = "experiment=comparison,target=app,cluster=xr-1";
    render(chart, namespace, &[&[labels, GATEWAY], more].concat()).await
}

fn one<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let mut found = objects.iter().filter(|object| object["kind"] == kind);
    let object = found.next().unwrap_or_else(|| panic!("no {kind}"));
    assert!(found.next().is_none(), "{kind} is there twice");
    object
}

/// Returns the scrape configuration of the agent, once as text and once read.
fn configuration(objects: &[Value]) -> Result<(String, Value)> {
    let text = one(objects, "ConfigMap")["data"]["scrape.yaml"].as_str().context("no configuration")?;
    Ok((text.to_owned(), serde_saphyr::from_str(text)?))
}

#[tokio::test]
async fn the_configuration_of_the_agent_is_one_that_vmagent_takes() -> Result<()> {
    for more in [&[][..], &["variant=a", "scope=namespace", "namespaces={other}"][..]] {
        let (text, _) = configuration(&agent("observability/metrics-agent", "run-abc", more).await?)?;
        let folder =
            std::env::temp_dir().join(format!("testbed-agent-{}-{}", std::process::id(), more.len()));
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("scrape.yaml"), text)?;
        let mut vmagent = Command::new(binary("victoria-metrics", "vmagent")?);
        vmagent.args(["-dryRun", "-promscrape.config=scrape.yaml", "-remoteWrite.url=http://127.0.0.1:1"]);
        let output = vmagent.current_dir(&folder).output().await?;
        std::fs::remove_dir_all(&folder)?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

#[tokio::test]
async fn a_variant_is_a_label_only_where_there_is_one() -> Result<()> {
    let labels = async |more: &[&str]| -> Result<Value> {
        let (_, read) = configuration(&agent("observability/metrics-agent", "run-abc", more).await?)?;
        Ok(read["global"]["external_labels"].clone())
    };
    let without = serde_json::json!({"experiment": "comparison", "target": "app", "cluster": "xr-1"});
    assert_eq!(labels(&[]).await?, without);
    assert_eq!(labels(&["variant=a"]).await?["variant"], "a");
    Ok(())
}

#[tokio::test]
async fn in_a_cluster_shared_with_others_only_pods_of_the_run_are_looked_at() -> Result<()> {
    let more = ["scope=namespace", "namespaces={other}"];
    let objects = agent("observability/metrics-agent", "run-abc", &more).await?;
    let (_, read) = configuration(&objects)?;
    let jobs = read["scrape_configs"].as_array().context("no jobs")?;
    let rules = jobs[0]["metric_relabel_configs"].as_array().context("no rules")?;
    assert!(rules.iter().any(|rule| rule["regex"] == "run-abc|other" && rule["action"] == "keep"));
    let names = &jobs[2]["kubernetes_sd_configs"][0]["namespaces"]["names"];
    assert_eq!(*names, serde_json::json!(["run-abc", "other"]));
    let roles: Vec<_> = objects.iter().filter(|object| object["kind"] == "Role").collect();
    assert_eq!(roles.len(), 2, "it may see pods where it looks for them, and nowhere else");
    assert!(!one(&objects, "ClusterRole").to_string().contains("pods"));
    Ok(())
}

#[tokio::test]
async fn two_runs_in_one_cluster_share_no_name_beyond_their_namespaces() -> Result<()> {
    for chart in ["observability/metrics-agent", "observability/alloy"] {
        let (a, b) = (agent(chart, "run-abc", &[]).await?, agent(chart, "run-abd", &[]).await?);
        for kind in ["ClusterRole", "ClusterRoleBinding"] {
            assert_ne!(one(&a, kind)["metadata"]["name"], one(&b, kind)["metadata"]["name"]);
        }
    }
    Ok(())
}

#[tokio::test]
async fn agents_pass_pod_security_restricted_and_get_their_token_from_a_secret() -> Result<()> {
    for chart in ["observability/metrics-agent", "observability/alloy"] {
        let objects = agent(chart, "run-abc", &[]).await?;
        let pod = &one(&objects, "Deployment")["spec"]["template"]["spec"];
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{chart}");
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{chart}");
        for container in pod["containers"].as_array().context("no containers")? {
            assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false, "{chart}");
            assert_eq!(container["securityContext"]["capabilities"]["drop"][0], "ALL", "{chart}");
        }
        let volumes = pod["volumes"].as_array().context("no volumes")?;
        assert!(volumes.iter().any(|volume| volume["secret"]["secretName"] == "testbed-remote-write"));
        assert!(objects.iter().all(|object| object["kind"] != "Secret"), "{chart} brings no Secret");
    }
    Ok(())
}

#[tokio::test]
async fn what_an_agent_cannot_do_without_is_asked_for() -> Result<()> {
    for chart in ["observability/metrics-agent", "observability/alloy"] {
        let why = render(chart, "run-abc", &["experiment=e"]).await.expect_err("nothing is missing");
        assert!(why.to_string().contains("is not set"), "{why}");
        let why = agent(chart, "run-abc", &["scope=everything"]).await.expect_err("there is no such scope");
        assert!(why.to_string().contains("scope is"), "{why}");
    }
    Ok(())
}

#[tokio::test]
async fn the_way_through_a_tailnet_is_a_service_that_the_operator_fills_in() -> Result<()> {
    let objects = render("core/metrics-egress", "run-abc", &["tailnetFqdn=hub.example.ts.net"]).await?;
    let service = one(&objects, "Service");
    assert_eq!(service["spec"]["type"], "ExternalName");
    assert_eq!(service["metadata"]["annotations"]["tailscale.com/tailnet-fqdn"], "hub.example.ts.net");
    Ok(())
}
