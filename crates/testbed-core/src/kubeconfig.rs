//! The kubeconfig of a target: what of it is used, and what is refused. Whoever wrote it is not trusted.

use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};

/// What of a kubeconfig is used: an https address, the authority that vouches for it, and a token or a certificate.
/// Nothing in it is run, no file is read, no proxy is asked, and nothing is taken on trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Address of the API server.
    pub server: String,
    /// Name that its certificate must bear, if not that of the address.
    pub server_name: Option<String>,
    /// Authority, PEM in base64.
    pub authority: String,
    /// Certificate and key of the client, PEM in base64.
    pub certificate: Option<(String, String)>,
    /// Token.
    pub token: Option<String>,
}

/// Reads a kubeconfig. `endpoint` is the address that its API server must have; absent for a cluster that someone else
/// owns.
///
/// # Errors
/// What is missing in it, or must not be in it, in a sentence that is about the kubeconfig.
pub fn read(config: &Value, endpoint: Option<&str>) -> Result<Credentials, String> {
    let context = named(config, "contexts", "context", &config["current-context"])?;
    let cluster = named(config, "clusters", "cluster", &context["cluster"])?;
    let user = named(config, "users", "user", &context["user"])?;
    let said = |value: &Value| value.as_str().map(str::to_owned);
    let server = said(&cluster["server"]).ok_or("its cluster has no server")?;
    if !server.starts_with("https://") {
        return Err("its server is not reached by https".into());
    }
    match endpoint {
        Some(endpoint) if authority(endpoint) != authority(&server) => {
            return Err("its server is not that of the cluster".into());
        }
        Some(_) => {}
        None => foreign(&server)?,
    }
    if cluster["insecure-skip-tls-verify"] == true {
        return Err("it does without checking who the server is: remove insecure-skip-tls-verify".into());
    }
    if !cluster["proxy-url"].is_null() {
        return Err("it names a proxy, which is not asked: remove proxy-url".into());
    }
    if !user["exec"].is_null() || !user["auth-provider"].is_null() {
        return Err(
            "it runs a program to log in, which is never run here: give it a token or a client certificate"
                .into(),
        );
    }
    let authority = said(&cluster["certificate-authority-data"])
        .ok_or("its cluster has no certificate-authority-data, and files are not read")?;
    let certificate = said(&user["client-certificate-data"]).zip(said(&user["client-key-data"]));
    let token = said(&user["token"]);
    if certificate.is_none() && token.is_none() {
        return Err("its user has neither a token nor a client certificate".into());
    }
    // It becomes a header of every request.
    if token.iter().any(|token| token.is_empty() || !token.chars().all(|letter| letter.is_ascii_graphic())) {
        return Err("the token of its user is not one word".into());
    }
    Ok(Credentials { server, server_name: said(&cluster["tls-server-name"]), authority, certificate, token })
}

fn named<'a>(config: &'a Value, list: &str, kind: &str, name: &Value) -> Result<&'a Value, String> {
    let entries = config[list].as_array().into_iter().flatten();
    let found =
        entries.filter(|entry| entry["name"] == *name && name.is_string()).map(|entry| &entry[kind]).next();
    found.filter(|found| found.is_object()).ok_or_else(|| format!("the kubeconfig has no {kind} {name}"))
}

/// Returns host and port of an address, without scheme and path.
fn authority(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.strip_suffix(":443").unwrap_or(authority)
}

/// Refuses addresses at which no cluster of someone else is: the hub's own API server, which Argo CD knows by its name,
/// and would from then on reach with these credentials; this machine; and where clouds hand out credentials.
fn foreign(server: &str) -> Result<(), String> {
    let authority = authority(server);
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let odd = host.is_empty()
        || !host.chars().all(|letter| letter.is_ascii_alphanumeric() || "-._:".contains(letter));
    if odd || server.contains(['@', '\\', '%']) {
        return Err("the address of its server is not https://, a host, and a port".into());
    }
    let within =
        |address: Ipv4Addr| address.is_loopback() || address.is_link_local() || address.is_unspecified();
    let is_own = match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => within(address),
        Ok(IpAddr::V6(address)) => {
            address.is_loopback()
                || address.is_unspecified()
                || address.is_unicast_link_local()
                || address.to_ipv4_mapped().is_some_and(within)
        }
        // What is no address but ends as one is read as one by some resolvers: 127.1, 0x7f000001, 2130706433.
        Err(_) => {
            let last = host.rsplit('.').next().unwrap_or_default();
            let is_number =
                |text: &str| !text.is_empty() && text.chars().all(|letter| letter.is_ascii_digit());
            let hexadecimal = last
                .strip_prefix("0x")
                .is_some_and(|rest| rest.chars().all(|letter| letter.is_ascii_hexdigit()));
            let names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"];
            is_number(last)
                || hexadecimal
                || names.contains(&host.as_str())
                || host.starts_with("kubernetes.default.svc.")
                || host.ends_with(".localhost")
        }
    };
    if is_own {
        return Err(format!(
            "its server, {host}, is the hub's own or this machine: give the address at which the cluster is reached from elsewhere"
        ));
    }
    Ok(())
}

impl Credentials {
    /// Returns a kubeconfig with these credentials and nothing else.
    #[must_use]
    pub fn kubeconfig(&self) -> Value {
        let mut cluster = json!({"server": self.server, "certificate-authority-data": self.authority});
        if let Some(name) = &self.server_name {
            cluster["tls-server-name"] = json!(name);
        }
        let mut user = json!({});
        if let Some((certificate, key)) = &self.certificate {
            user["client-certificate-data"] = json!(certificate);
            user["client-key-data"] = json!(key);
        }
        if let Some(token) = &self.token {
            user["token"] = json!(token);
        }
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "target",
            "clusters": [{"name": "target", "cluster": cluster}],
            "users": [{"name": "target", "user": user}],
            "contexts": [{"name": "target", "context": {"cluster": "target", "user": "target"}}],
        })
    }

    /// Returns what Argo CD wants to know of a cluster.
    #[must_use]
    pub fn argo(&self) -> Value {
        let mut tls = json!({"insecure": false, "caData": self.authority});
        if let Some(name) = &self.server_name {
            tls["serverName"] = json!(name);
        }
        if let Some((certificate, key)) = &self.certificate {
            tls["certData"] = json!(certificate);
            tls["keyData"] = json!(key);
        }
        let mut config = json!({"tlsClientConfig": tls});
        if let Some(token) = &self.token {
            config["bearerToken"] = json!(token);
        }
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const ENDPOINT: &str = "https://a.example:6443";

    fn config(change: impl Fn(&mut Value)) -> Value {
        let mut config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "k", "cluster": {"server": ENDPOINT, "certificate-authority-data": "QQ=="}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        });
        change(&mut config);
        config
    }

    #[test]
    fn a_kubeconfig_with_a_token_or_a_certificate_is_taken() {
        let read = read(&config(|_| {}), Some(ENDPOINT)).unwrap();
        assert_eq!((read.server.as_str(), read.token.as_deref()), (ENDPOINT, Some("t")));
        assert_eq!(read.argo()["bearerToken"], "t");
        assert_eq!(read.argo()["tlsClientConfig"]["insecure"], false);
    }

    #[rstest]
    #[case("/clusters/0/cluster/server", json!("http://a.example:6443"), "https")]
    #[case("/clusters/0/cluster/server", json!("https://169.254.169.254"), "not that of the cluster")]
    #[case("/clusters/0/cluster/server", json!("https://a.example:6443@evil.example"), "not that of the cluster")]
    #[case("/clusters/0/cluster/insecure-skip-tls-verify", json!(true), "insecure-skip-tls-verify")]
    #[case("/clusters/0/cluster/proxy-url", json!("http://evil.example"), "proxy-url")]
    #[case("/clusters/0/cluster/certificate-authority-data", Value::Null, "certificate-authority-data")]
    #[case("/users/0/user/exec", json!({"command": "sh"}), "never run")]
    #[case("/users/0/user/auth-provider", json!({"name": "gcp"}), "never run")]
    #[case("/users/0/user", json!({"tokenFile": "/var/run/secrets/kubernetes.io/serviceaccount/token"}), "neither")]
    #[case("/users/0/user/token", json!("t\r\nImpersonate-User: admin"), "not one word")]
    #[case("/current-context", json!("other"), "no context")]
    fn what_a_kubeconfig_must_not_do_is_refused_with_its_name(
        #[case] place: &str,
        #[case] value: Value,
        #[case] wanted: &str,
    ) {
        let (parent, key) = place.rsplit_once('/').unwrap();
        let changed = config(|config| config.pointer_mut(parent).unwrap()[key] = value.clone());
        let said = read(&changed, Some(ENDPOINT)).unwrap_err();
        assert!(said.contains(wanted), "{said}");
    }

    #[rstest]
    #[case("https://kubernetes.default.svc")]
    #[case("https://Kubernetes.Default.Svc.:443/")]
    #[case("https://kubernetes.default.svc.cluster.local")]
    #[case("https://kubernetes")]
    #[case("https://169.254.169.254/latest")]
    #[case("https://127.0.0.1:6443")]
    #[case("https://127.1")]
    #[case("https://2130706433")]
    #[case("https://0x7f000001")]
    #[case("https://[::1]:6443")]
    #[case("https://[::ffff:127.0.0.1]")]
    #[case("https://localhost:6443")]
    #[case("https://a.example@kubernetes.default.svc")]
    #[case("https://")]
    fn a_cluster_of_someone_else_is_neither_the_hub_nor_its_machine(#[case] server: &str) {
        assert!(
            read(&config(|config| config["clusters"][0]["cluster"]["server"] = json!(server)), None).is_err()
        );
    }

    #[rstest]
    #[case("https://10.0.0.7:6443")]
    #[case("https://[fd00::7]:6443")]
    #[case("https://c1.testbed-clusters.svc.cluster.local:6443")]
    #[case("https://ABC.gr7.eu-west-1.eks.amazonaws.com")]
    fn a_cluster_of_someone_else_may_be_anywhere_else(#[case] server: &str) {
        assert!(
            read(&config(|config| config["clusters"][0]["cluster"]["server"] = json!(server)), None).is_ok()
        );
    }

    #[test]
    fn the_port_of_https_may_be_left_out() {
        assert_eq!(authority("https://a.example:443/"), authority("https://a.example"));
        assert_ne!(authority("https://a.example:6443"), authority("https://a.example"));
    }
}
