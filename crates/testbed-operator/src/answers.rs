//! What an answer of an API server is held against before anyone believes it.
//!
//! A 404 says that an object is not there only if it names the object. One that does not is about the kind: its
//! definition is gone, or not served yet by a server that has just started, or hidden by whatever stands in between.
//! Whoever took that for *absent* would deploy a second time, or certify that nothing is left. So it becomes an error
//! here, for everyone, and those few who want to know whether a kind is served at all ask for its definition.

use crate::outside::Clock;
use http::header::DATE;
use http::{Response, StatusCode};
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use kube::client::Body;
use kube::core::Status;
use kube::{Client, Error};
use tower::BoxError;

/// The API server does not say that an object is absent, but that it knows of no such thing.
#[derive(Debug, thiserror::Error)]
#[error("the API server does not serve {0}")]
struct Unserved(String);

/// Returns an answer that can be believed, and sets a clock by it.
///
/// # Errors
/// If it is a 404 that names no object.
pub(crate) async fn believed(
    path: &str,
    answer: Response<Body>,
    clock: Option<&Clock>,
) -> Result<Response<Body>, BoxError> {
    if let Some(clock) = clock {
        let date = answer.headers().get(DATE).and_then(|date| date.to_str().ok());
        date.into_iter().for_each(|date| clock.hear(date));
    }
    if answer.status() != StatusCode::NOT_FOUND {
        return Ok(answer);
    }
    let (parts, body) = answer.into_parts();
    let body = body.collect_bytes().await?;
    let status: Option<Status> = serde_json::from_slice(&body).ok();
    let names_one = status.and_then(|status| status.details).is_some_and(|details| !details.name.is_empty());
    if names_one {
        Ok(Response::from_parts(parts, Body::from(body)))
    } else {
        Err(Unserved(path.to_owned()).into())
    }
}

/// Returns whether a request failed because the API server knows of no such kind.
fn is_unserved(error: &Error) -> bool {
    matches!(error, Error::Service(error) if error.is::<Unserved>())
}

/// Returns whether a kind that is not served has no definition either, so that no object of it can be there.
///
/// # Errors
/// If the API server cannot be asked.
async fn is_undefined(client: &Client, kind: &ApiResource) -> Result<bool, Error> {
    let definition = GroupVersionKind::gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
    let definitions: Api<DynamicObject> = Api::all_with(client.clone(), &ApiResource::from_gvk(&definition));
    let name = format!("{}.{}", kind.plural, kind.group);
    Ok(definitions.get_metadata_opt(&name).await?.is_none())
}

/// Returns what was listed or read, or nothing if its kind has no definition.
///
/// # Errors
/// As the request's, and if the API server cannot be asked for the definition.
pub(crate) async fn if_defined<T>(
    client: &Client,
    kind: &ApiResource,
    answer: Result<T, Error>,
) -> Result<Option<T>, Error> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_unserved(&error) && is_undefined(client, kind).await? => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::CONTENT_TYPE;
    use jiff::{SignedDuration, Timestamp};
    use k8s_openapi::api::core::v1::Pod;
    use rstest::rstest;
    use serde_json::json;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};
    use tower::service_fn;

    /// A client whose every request is answered so.
    fn answering(code: u16, body: String) -> Client {
        let answer = service_fn(move |request: http::Request<Body>| {
            let body = body.clone();
            async move {
                let answer = Response::builder().status(code).header(CONTENT_TYPE, "application/json");
                let answer = answer.body(Body::from(body.into_bytes()))?;
                believed(request.uri().path(), answer, None).await
            }
        });
        Client::new(answer, "default")
    }

    fn status(details: &serde_json::Value) -> String {
        let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "reason": "NotFound", "code": 404, "message": "not found", "details": details});
        status.to_string()
    }

    #[tokio::test]
    async fn an_object_is_absent_only_if_it_is_named() {
        let named = status(&json!({"name": "a", "kind": "pods"}));
        let pods: Api<Pod> = Api::default_namespaced(answering(404, named));
        assert!(matches!(pods.get_opt("a").await, Ok(None)));
    }

    #[rstest]
    #[case::the_kind_is_not_served("404 page not found".to_owned())]
    #[case::a_status_without_details(status(&serde_json::Value::Null))]
    #[case::a_status_that_names_nothing(status(&json!({"kind": "pods"})))]
    #[case::nothing(String::new())]
    #[tokio::test]
    async fn a_404_that_names_nothing_is_an_error(#[case] body: String) {
        let pods: Api<Pod> = Api::default_namespaced(answering(404, body));
        let error = pods.get_opt("a").await.expect_err("it was taken for absent");
        assert!(is_unserved(&error), "{error:?}");
    }

    #[rstest]
    #[case::right(0, 0)]
    #[case::a_little_ahead(900, 0)]
    #[case::a_day_ahead(86_400_000, -86_400_000)]
    #[case::ten_minutes_back(-600_000, 600_000)]
    fn a_clock_that_is_wrong_by_more_than_a_second_follows_the_server(
        #[case] skew: i64,
        #[case] wanted: i64,
    ) {
        let at: Timestamp = "2026-01-01T12:00:00.5Z".parse().expect("a time");
        let skew = Arc::new(AtomicI64::new(skew));
        let clock = Clock::set(at).skewed(skew.clone());
        clock.hear("Thu, 01 Jan 2026 12:00:00 GMT");
        let shown =
            clock.now().duration_since(at) - SignedDuration::from_millis(skew.load(Ordering::Relaxed));
        let off = shown - SignedDuration::from_millis(wanted);
        assert!(off.abs() < SignedDuration::from_secs(1), "it shows {shown:?} beside the machine's");
    }

    #[test]
    fn the_clock_of_another_server_is_held_against_the_first_whatever_the_machine_shows() {
        let at: Timestamp = "2026-01-01T12:00:00.5Z".parse().expect("a time");
        let hub = Clock::set(at).skewed(Arc::new(AtomicI64::new(-600_000)));
        let other = hub.of_another();
        other.hear("Thu, 01 Jan 2026 12:00:30 GMT");
        assert_eq!(other.ahead_of(&hub), None, "the first has not told the time");
        hub.hear("Thu, 01 Jan 2026 12:00:00 GMT");
        let ahead = other.ahead_of(&hub).expect("both told the time");
        assert!((ahead - SignedDuration::from_secs(30)).abs() < SignedDuration::from_secs(1), "{ahead:?}");
    }

    #[test]
    fn a_clock_that_hears_nonsense_goes_on() {
        let clock = Clock::system();
        clock.hear("yesterday");
        assert!(clock.now().duration_since(Timestamp::now()).abs() < SignedDuration::from_secs(1));
    }
}
