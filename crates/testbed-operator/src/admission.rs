//! Serves health checks and admission: what cannot be run is refused by the API server, with field, reason and fix.

use crate::clients::{Clients, argo};
use anyhow::{Context, Result};
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use testbed_api::component::ComponentSpec;
use testbed_api::{Component, ExperimentSpec};
use testbed_core::build::WORKFLOW_NAMESPACE;
use testbed_core::observed::template_parameters;
use testbed_core::problem::Problem;
use testbed_core::validate::{self, Catalog};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// Serves until stopped.
pub async fn serve(
    clients: Arc<Clients>,
    health: SocketAddr,
    webhook: Option<(SocketAddr, PathBuf)>,
    stopped: watch::Receiver<bool>,
) -> Result<()> {
    let alive = Router::new().route("/livez", get(async || "ok")).route("/readyz", get(async || "ok"));
    let listener =
        TcpListener::bind(health).await.with_context(|| format!("failed to listen on {health}"))?;
    let mut ended = stopped.clone();
    let health = axum::serve(listener, alive).with_graceful_shutdown(async move {
        let _ = ended.wait_for(|stopped| *stopped).await;
    });
    let webhook = async {
        match webhook {
            Some((address, certificates)) => serve_webhook(clients, address, &certificates, stopped).await,
            None => Ok(()),
        }
    };
    let (health, webhook) = tokio::join!(health, webhook);
    health.context("failed to serve health checks")?;
    webhook
}

async fn serve_webhook(
    clients: Arc<Clients>,
    address: SocketAddr,
    certificates: &Path,
    mut stopped: watch::Receiver<bool>,
) -> Result<()> {
    let router = Router::new().route("/validate", post(review)).with_state(clients);
    let acceptor = TlsAcceptor::from(Arc::new(tls(certificates)?));
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("failed to listen on {address}"))?;
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                // Too many open files and the like: the connection is lost, the listener is not.
                Err(error) => { tracing::warn!(%error, "failed to accept a connection"); continue }
            },
            _ = stopped.wait_for(|stopped| *stopped) => return Ok(()),
        };
        let (acceptor, router) = (acceptor.clone(), router.clone());
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = TowerToHyperService::new(router);
            let _ = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn tls(folder: &Path) -> Result<ServerConfig> {
    let certificates = CertificateDer::pem_file_iter(folder.join("tls.crt"))
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .context("failed to read tls.crt of the webhook")?;
    let key = PrivateKeyDer::from_pem_file(folder.join("tls.key"))
        .context("failed to read tls.key of the webhook")?;
    ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .context("failed to use the webhook's certificate")
}

/// Answers an AdmissionReview.
async fn review(State(clients): State<Arc<Clients>>, Json(review): Json<Value>) -> Json<Value> {
    let request = &review["request"];
    let object = &request["object"];
    let problems = match request.pointer("/kind/kind").and_then(Value::as_str) {
        Some("Experiment") => judge_experiment(&clients, object).await,
        Some("Component") => judge_component(object),
        other => vec![Problem::error("kind", format!("nothing is known of kind {other:?}"))],
    };
    let (refused, warnings): (Vec<_>, Vec<_>) = problems.iter().partition(|problem| problem.refuses());
    let mut response = json!({
        "uid": request["uid"],
        "allowed": refused.is_empty(),
        "warnings": warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    if !refused.is_empty() {
        let message = refused.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        response["status"] = json!({"code": 422, "reason": "Invalid", "message": message});
    }
    Json(json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}))
}

async fn judge_experiment(clients: &Clients, object: &Value) -> Vec<Problem> {
    let spec: ExperimentSpec = match serde_json::from_value(object["spec"].clone()) {
        Ok(spec) => spec,
        Err(error) => return vec![Problem::error("spec", format!("cannot be read: {error}"))],
    };
    match catalog(clients).await {
        Ok(catalog) => {
            validate::experiment(object["metadata"]["name"].as_str().unwrap_or_default(), &spec, &catalog)
        }
        Err(error) => vec![
            Problem::error("spec", format!("cannot be checked, as the catalog cannot be read: {error}"))
                .hint("try again"),
        ],
    }
}

fn judge_component(object: &Value) -> Vec<Problem> {
    match serde_json::from_value::<ComponentSpec>(object["spec"].clone()) {
        Ok(spec) => validate::component(&spec),
        Err(error) => vec![Problem::error("spec", format!("cannot be read: {error}"))],
    }
}

async fn catalog(clients: &Clients) -> Result<Catalog, kube::Error> {
    let components: Api<Component> = Api::all(clients.kube.clone());
    let templates = clients.dynamic(&argo("WorkflowTemplate"), Some(WORKFLOW_NAMESPACE));
    let everything = ListParams::default();
    let (components, templates) =
        tokio::try_join!(components.list(&everything), templates.list(&everything))?;
    Ok(Catalog {
        agent: clients.settings.agent(),
        components: components.into_iter().map(|component| (component.name_any(), component.spec)).collect(),
        templates: templates
            .into_iter()
            .map(|template| {
                let arguments = template.data.pointer("/spec/arguments/parameters").and_then(Value::as_array);
                (template.name_any(), template_parameters(arguments.map(Vec::as_slice).unwrap_or_default()))
            })
            .collect(),
    })
}
