//! Certificates and secrets of the hub: made at the first start, renewed before they expire.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::{ToSpan, Zoned, civil::Date};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use serde::{Deserialize, Serialize};

use crate::{
    files::{self, FileError},
    layout::Layout,
    site::{Role, Site},
};

/// Certificate authorities outlive every leaf.
const CA_DAYS: i32 = 3650;
/// Leaves live for a year, as kubeadm's do.
const LEAF_DAYS: i32 = 365;
/// A leaf with less than this left is made anew at the next start.
const RENEW_DAYS: i32 = 30;

/// The operator's webhook, and the names by which the API server calls it.
const WEBHOOK: &str = "webhook";
const WEBHOOK_NAMES: [&str; 2] =
    ["testbed-operator.testbed-system.svc", "testbed-operator.testbed-system.svc.cluster.local"];

/// Certificates or secrets could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A certificate could not be made.
    #[error("cannot make certificate `{name}`")]
    Certificate {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: rcgen::Error,
    },
}

/// Who signs a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Authority {
    /// The cluster: clients and servers of Kubernetes.
    Ca,
    /// etcd alone, so that no certificate of the cluster opens the database.
    EtcdCa,
}

impl Authority {
    fn name(self) -> &'static str {
        match self {
            Self::Ca => "ca",
            Self::EtcdCa => "etcd-ca",
        }
    }
}

/// One certificate: everything that, when it changes, asks for a new one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Leaf {
    name: String,
    signer: Authority,
    common_name: String,
    organization: Option<String>,
    names: Vec<String>,
    server: bool,
    client: bool,
}

fn client(name: &str, signer: Authority, common_name: &str, organization: Option<&str>) -> Leaf {
    Leaf {
        name: name.into(),
        signer,
        common_name: common_name.into(),
        organization: organization.map(Into::into),
        names: Vec::new(),
        server: false,
        client: true,
    }
}

fn server(name: &str, signer: Authority, common_name: &str, names: &[&str]) -> Leaf {
    Leaf {
        names: names.iter().map(|&name| name.into()).collect(),
        server: true,
        client: false,
        ..client(name, signer, common_name, None)
    }
}

/// Every certificate of a node. One client certificate per component, and none for two purposes.
fn leaves(site: &Site) -> Vec<Leaf> {
    let (ca, etcd) = (Authority::Ca, Authority::EtcdCa);
    let kubelet = format!("system:node:{}", site.node);
    let mut leaves = vec![
        client("kube-proxy", ca, "system:kube-proxy", None),
        client("kubelet-client", ca, &kubelet, Some("system:nodes")),
        server("kubelet", ca, &kubelet, &[&site.node, &site.address]),
        client("admin", ca, "testbed-admin", Some("system:masters")),
    ];
    if site.is_control_plane() {
        let mut names = vec![
            "localhost",
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
            &site.kubernetes_service,
            &site.address,
        ];
        names.extend(site.api_server_names.iter().map(String::as_str));
        leaves.extend([
            server("etcd", etcd, "etcd", &["localhost", "127.0.0.1"]),
            // A member of etcd is server and client to its peers.
            Leaf { client: true, ..server("etcd-peer", etcd, "etcd-peer", &["localhost", "127.0.0.1"]) },
            client("apiserver-etcd-client", etcd, "kube-apiserver-etcd-client", None),
            server("apiserver", ca, "kube-apiserver", &names),
            client("apiserver-kubelet-client", ca, "kube-apiserver-kubelet-client", None),
            client("controller-manager", ca, "system:kube-controller-manager", None),
            client("scheduler", ca, "system:kube-scheduler", None),
        ]);
    }
    if site.role == Role::Hub {
        leaves.push(server(WEBHOOK, ca, "testbed-operator", &WEBHOOK_NAMES));
    }
    leaves
}

/// What is remembered of a certificate, so that nothing has to be parsed to decide about renewal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Issued {
    leaf: Leaf,
    expires: Date,
    authority: String,
}

/// The hub's certificates and secrets, all of them files in one folder.
#[derive(Debug, Clone)]
pub struct Pki {
    folder: PathBuf,
}

impl Pki {
    /// Where the certificates are, or will be.
    #[must_use]
    pub fn new(layout: &Layout) -> Self {
        Self { folder: layout.pki() }
    }

    /// Certificate of that name.
    #[must_use]
    pub fn cert(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.crt"))
    }

    /// Private key of that name.
    #[must_use]
    pub fn key(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.key"))
    }

    /// A secret of that name: a word of 40 hexadecimal digits.
    ///
    /// # Errors
    /// If the file cannot be read or made.
    pub fn secret(&self, name: &str) -> Result<String, PkiError> {
        let path = self.folder.join(format!("{name}.secret"));
        if let Some(known) = files::read_if_there(&path)? {
            return Ok(String::from_utf8_lossy(&known).into_owned());
        }
        let secret = files::hex(&files::random::<20>()?);
        files::write(&path, &secret)?;
        Ok(secret)
    }

    /// The key that encrypts secrets in etcd: 32 bytes in base64. It never changes, for what it encrypted could not be
    /// read again.
    ///
    /// # Errors
    /// If the file cannot be read or made.
    pub fn encryption_key(&self) -> Result<String, PkiError> {
        let path = self.folder.join("encryption.base64");
        if let Some(known) = files::read_if_there(&path)? {
            return Ok(String::from_utf8_lossy(&known).into_owned());
        }
        let key = BASE64_STANDARD.encode(files::random::<32>()?);
        files::write(&path, &key)?;
        Ok(key)
    }

    /// Takes the authority of the cluster, and the key that signs tokens of service accounts, from a folder as
    /// a Secret puts them there: `tls.crt`, `tls.key` and `sa.key`.
    ///
    /// # Errors
    /// If a file is missing or cannot be used.
    pub fn adopt(&self, folder: &Path) -> Result<(), PkiError> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(files::at("read", &path))
        };
        files::write(&self.cert(Authority::Ca.name()), read("tls.crt")?)?;
        files::write(&self.key(Authority::Ca.name()), read("tls.key")?)?;
        let key = read("sa.key")?;
        let public = KeyPair::from_pem(&String::from_utf8_lossy(&key))
            .map_err(|source| PkiError::Certificate { name: "sa".into(), source })?
            .public_key_pem();
        files::write(&self.key("service-account"), key)?;
        files::write(&self.service_account_public(), public)?;
        Ok(())
    }

    /// Makes what is missing, changed or about to expire.
    ///
    /// # Errors
    /// If a file cannot be read or written, or a certificate cannot be made.
    pub fn ensure(&self, site: &Site) -> Result<(), PkiError> {
        let today = Zoned::now().date();
        let book = self.folder.join("issued.json");
        let mut issued: BTreeMap<String, Issued> = files::read_if_there(&book)?
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();

        let mut authorities = BTreeMap::new();
        let needed: &[Authority] =
            if site.is_control_plane() { &[Authority::Ca, Authority::EtcdCa] } else { &[Authority::Ca] };
        for &authority in needed {
            authorities.insert(authority.name(), self.authority(authority, today)?);
        }
        for leaf in leaves(site) {
            let Some((issuer, fingerprint)) = authorities.get(leaf.signer.name()) else { continue };
            let there = self.cert(&leaf.name).is_file() && self.key(&leaf.name).is_file();
            if there && issued.get(&leaf.name).is_some_and(|old| still_good(old, &leaf, fingerprint, today)) {
                continue;
            }
            let expires = today.saturating_add(LEAF_DAYS.days());
            self.issue(&leaf, issuer, today, expires).map_err(|error| error.of(&leaf.name))?;
            let entry = Issued { leaf: leaf.clone(), expires, authority: fingerprint.clone() };
            issued.insert(leaf.name, entry);
            files::write(&book, serde_json::to_vec_pretty(&issued).unwrap_or_default())?;
        }
        self.service_account_keys()?;
        if site.role == Role::Hub {
            self.secret("s3-access-key")?;
            self.secret("s3-secret-key")?;
            self.secret("ingest-key")?;
        }
        Ok(())
    }

    /// Reads or makes an authority; with it a fingerprint, so that leaves of an older one are replaced.
    fn authority(
        &self,
        authority: Authority,
        today: Date,
    ) -> Result<(Issuer<'static, KeyPair>, String), PkiError> {
        let name = authority.name();
        let failed = |source| PkiError::Certificate { name: name.into(), source };
        let (cert_path, key_path) = (self.cert(name), self.key(name));
        let mut params = CertificateParams::default();
        params.distinguished_name = distinguished_name(&format!("testbed-hub-{name}"), None);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        set_validity(&mut params, today, today.saturating_add(CA_DAYS.days()));

        let issuer = match (files::read_if_there(&cert_path)?, files::read_if_there(&key_path)?) {
            (Some(cert), Some(key)) => {
                let key = KeyPair::from_pem(&String::from_utf8_lossy(&key)).map_err(failed)?;
                // With the name it has: one that was adopted has another than ours.
                Issuer::from_ca_cert_pem(&String::from_utf8_lossy(&cert), key).map_err(failed)?
            }
            _ => {
                let key = KeyPair::generate().map_err(failed)?;
                let cert = params.self_signed(&key).map_err(failed)?;
                files::write(&key_path, key.serialize_pem())?;
                files::write(&cert_path, cert.pem())?;
                Issuer::new(params, key)
            }
        };
        let fingerprint = files::sha256(|hash| files::feed(hash, issuer.key().public_key_raw()));
        Ok((issuer, fingerprint))
    }

    fn issue(
        &self,
        leaf: &Leaf,
        issuer: &Issuer<'_, KeyPair>,
        today: Date,
        expires: Date,
    ) -> Result<(), IssueError> {
        let (certificate, key) = sign(leaf, issuer, today, expires)?;
        files::write(&self.key(&leaf.name), key)?;
        files::write(&self.cert(&leaf.name), certificate)?;
        Ok(())
    }

    /// The pair that signs and checks the tokens of service accounts.
    fn service_account_keys(&self) -> Result<(), PkiError> {
        let name = "service-account";
        let (private, public) = (self.key(name), self.folder.join(format!("{name}.pub")));
        if private.is_file() && public.is_file() {
            return Ok(());
        }
        let key =
            KeyPair::generate().map_err(|source| PkiError::Certificate { name: name.into(), source })?;
        files::write(&private, key.serialize_pem())?;
        files::write(&public, key.public_key_pem())?;
        Ok(())
    }

    /// The public half of the pair for service accounts.
    #[must_use]
    pub fn service_account_public(&self) -> PathBuf {
        self.folder.join("service-account.pub")
    }
}

/// Certificate and key of the webhook, and the certificate of who signed it.
#[derive(Debug, Clone)]
pub struct WebhookPair {
    /// The authority's certificate.
    pub ca: String,
    /// The webhook's certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

/// Days a hub on a foreign cluster may go without being installed again: nothing renews its certificate in between.
const WEBHOOK_DAYS: i32 = 3650;

/// Makes a certificate for the webhook of a hub on a foreign cluster. The key of its authority is thrown away: it
/// signs nothing else.
///
/// # Errors
/// If it cannot be made.
pub fn webhook_pair() -> Result<WebhookPair, PkiError> {
    let today = Zoned::now().date();
    let failed = |source| PkiError::Certificate { name: WEBHOOK.into(), source };
    let mut params = CertificateParams::default();
    params.distinguished_name = distinguished_name("testbed-hub-webhook-ca", None);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
    set_validity(&mut params, today, today.saturating_add(WEBHOOK_DAYS.days()));
    let key = KeyPair::generate().map_err(failed)?;
    let ca = params.self_signed(&key).map_err(failed)?.pem();
    let issuer = Issuer::new(params, key);
    let leaf = server(WEBHOOK, Authority::Ca, "testbed-operator", &WEBHOOK_NAMES);
    let (certificate, key) =
        sign(&leaf, &issuer, today, today.saturating_add(WEBHOOK_DAYS.days())).map_err(failed)?;
    Ok(WebhookPair { ca, certificate, key })
}

/// Makes a key and a certificate for it: both as text.
fn sign(
    leaf: &Leaf,
    issuer: &Issuer<'_, KeyPair>,
    today: Date,
    expires: Date,
) -> Result<(String, String), rcgen::Error> {
    let mut params = CertificateParams::new(leaf.names.clone())?;
    params.distinguished_name = distinguished_name(&leaf.common_name, leaf.organization.as_deref());
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params, today, expires);
    if leaf.server {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    }
    if leaf.client {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    }
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

enum IssueError {
    File(FileError),
    Rcgen(rcgen::Error),
}

impl IssueError {
    fn of(self, name: &str) -> PkiError {
        match self {
            Self::File(error) => error.into(),
            Self::Rcgen(source) => PkiError::Certificate { name: name.into(), source },
        }
    }
}

impl From<FileError> for IssueError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl From<rcgen::Error> for IssueError {
    fn from(error: rcgen::Error) -> Self {
        Self::Rcgen(error)
    }
}

fn still_good(old: &Issued, leaf: &Leaf, authority: &str, today: Date) -> bool {
    old.leaf == *leaf && old.authority == authority && old.expires > today.saturating_add(RENEW_DAYS.days())
}

fn distinguished_name(common_name: &str, organization: Option<&str>) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    if let Some(organization) = organization {
        name.push(DnType::OrganizationName, organization);
    }
    name
}

/// A day of slack before, so that a clock set back a little does no harm.
fn set_validity(params: &mut CertificateParams, from: Date, to: Date) {
    let instant = |date: Date| {
        rcgen::date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    params.not_before = instant(from.saturating_sub(1.day()));
    params.not_after = instant(to);
}

/// What a file's readers should be told when it changes: a digest of all that a component reads.
pub(crate) fn digest(paths: &[&Path]) -> Result<String, FileError> {
    let mut contents = Vec::new();
    for path in paths {
        contents.push(files::read_if_there(path)?.unwrap_or_default());
    }
    Ok(files::sha256(|hash| contents.iter().for_each(|content| files::feed(hash, content))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pki() -> (tempfile::TempDir, Pki) {
        let folder = tempfile::tempdir().unwrap();
        let pki = Pki { folder: folder.path().join("pki") };
        (folder, pki)
    }

    fn all(pki: &Pki) -> BTreeMap<PathBuf, Vec<u8>> {
        let list = files::list(&pki.folder).unwrap();
        list.into_iter().map(|name| (name.clone(), std::fs::read(pki.folder.join(name)).unwrap())).collect()
    }

    #[test]
    fn a_second_start_changes_no_certificate_and_no_secret() {
        let (_folder, pki) = pki();
        pki.ensure(&Site::hub()).unwrap();
        let first = all(&pki);
        pki.ensure(&Site::hub()).unwrap();
        assert_eq!(first, all(&pki));
        assert!(first.keys().all(|name| !name.to_string_lossy().starts_with('.')));
    }

    #[test]
    fn a_lost_authority_takes_its_certificates_along_but_not_the_other_ones() {
        let (_folder, pki) = pki();
        pki.ensure(&Site::hub()).unwrap();
        let first = all(&pki);
        std::fs::remove_file(pki.key("etcd-ca")).unwrap();
        pki.ensure(&Site::hub()).unwrap();
        let second = all(&pki);
        assert_ne!(first[Path::new("etcd.crt")], second[Path::new("etcd.crt")]);
        assert_eq!(first[Path::new("admin.crt")], second[Path::new("admin.crt")]);
    }

    #[test]
    fn an_adopted_authority_signs_and_a_worker_holds_no_certificate_of_the_control_plane() {
        let (_folder, pki) = pki();
        let given = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = distinguished_name("somebody-else", None);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        std::fs::write(given.path().join("tls.crt"), params.self_signed(&key).unwrap().pem()).unwrap();
        std::fs::write(given.path().join("tls.key"), key.serialize_pem()).unwrap();
        std::fs::write(given.path().join("sa.key"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
        pki.adopt(given.path()).unwrap();
        pki.ensure(&crate::site::tests::inner(1)).unwrap();
        assert!(pki.cert("kubelet").is_file() && !pki.cert("apiserver").is_file());
        assert!(!pki.cert("etcd-ca").is_file() && pki.service_account_public().is_file());
        // A signature by the right key under the wrong name of an issuer is worth nothing.
        let der = std::fs::read_to_string(pki.cert("kubelet")).unwrap();
        let der: String = der.lines().filter(|line| !line.starts_with('-')).collect();
        let der = BASE64_STANDARD.decode(der).unwrap();
        assert!(der.windows(13).any(|window| window == b"somebody-else"));
    }

    #[test]
    fn a_certificate_is_renewed_when_a_month_is_left() {
        let leaf = leaves(&Site::hub()).remove(0);
        let today = jiff::civil::date(2026, 11, 23);
        let issued = |days: i32| Issued {
            leaf: leaf.clone(),
            expires: today.saturating_add(days.days()),
            authority: "a".into(),
        };
        assert!(still_good(&issued(31), &leaf, "a", today));
        assert!(!still_good(&issued(30), &leaf, "a", today));
        assert!(!still_good(&issued(31), &leaf, "another", today));
    }

    #[test]
    fn only_the_administrator_is_a_master() {
        let masters: Vec<_> = leaves(&Site::hub())
            .into_iter()
            .filter(|leaf| leaf.organization.as_deref() == Some("system:masters"))
            .collect();
        assert_eq!(masters.len(), 1);
        assert_eq!(masters[0].name, "admin");
    }
}
