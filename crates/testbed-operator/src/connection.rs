//! How API servers are connected to.
//!
//! As kube would, but for a few things. What kube makes leaves Nagle's algorithm on (kube-rs/kube#2056): the body of a write
//! waits until the other side has acknowledged its head, which Linux puts off for 40 ms. And it tries again by itself,
//! where a request that waited for a minute would not be asked whether it still should be made. Nor are its requests traced.

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy::Builder;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, ClientBuilder, ConfigExt, DynBody};
use kube::{Config, Error};
use std::time::Duration;
use tower::util::BoxService;
use tower::{BoxError, ServiceBuilder, ServiceExt};

/// How long an API server may say nothing where something is waited for. A watch is begun anew before: it ends by itself
/// after 290 s. Whoever is gone without a word would be waited for without end.
const SILENCE: Duration = Duration::from_mins(5);

/// Sends requests of [`kube::Client`]s.
pub type Connection = BoxService<Request<Body>, Response<Box<DynBody>>, BoxError>;

/// Returns what a client is made of. Nothing is contacted yet.
///
/// # Errors
/// The configuration holds credentials that cannot be read, or asks for a proxy.
pub fn builder(config: Config) -> Result<ClientBuilder<Connection>, Error> {
    if config.proxy_url.is_some() {
        // kube says what is wrong with it, for it was built without any kind of proxy.
        return ClientBuilder::try_from(config);
    }
    // Whoever was first has chosen; it is the same one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let mut connector = TimeoutConnector::new(config.rustls_https_connector_with_connector(tcp)?);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout.or(Some(SILENCE)));
    connector.set_write_timeout(config.write_timeout.or(Some(SILENCE)));
    // Who was not asked anything for long is not late with the answer.
    connector.set_reset_reader_on_write(true);
    let http = Builder::new(TokioExecutor::new()).build(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(http)
        .map_response(|response: Response<_>| {
            response.map(|body| Box::new(BodyExt::map_err(body, BoxError::from)) as Box<DynBody>)
        });
    Ok(ClientBuilder::new(service.boxed(), config.default_namespace))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

    use super::*;
    use tokio::net::TcpListener;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn who_never_answers_is_not_waited_for_without_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut config = Config::new(format!("http://{address}").parse().unwrap());
        config.read_timeout = None;
        let client = builder(config).unwrap().build();
        let (begun, silent) = (Instant::now(), async {
            let taken = listener.accept().await.unwrap();
            std::future::pending::<()>().await;
            drop(taken);
        });
        tokio::select! {
            answer = client.apiserver_version() => assert!(answer.is_err()),
            () = silent => {}
        }
        assert!(begun.elapsed() >= SILENCE, "{:?}", begun.elapsed());
    }
}
