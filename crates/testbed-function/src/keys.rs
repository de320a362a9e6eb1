//! Keys and certificates of a local cluster. Making them is no pure function, so it is an argument of one.

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use time::OffsetDateTime;

/// A certificate authority outlives its cluster, which is thrown away after days.
const AUTHORITY: SignedDuration = SignedDuration::from_hours(365 * 24);
/// A clock that is set back a little does no harm.
const SLACK: SignedDuration = SignedDuration::from_mins(5);

/// A key or certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a certificate: {0}")]
pub struct KeyError(rcgen::Error);

impl From<rcgen::Error> for KeyError {
    fn from(error: rcgen::Error) -> Self {
        Self(error)
    }
}

/// A certificate and its private key, both as PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

/// Makes keys and certificates.
pub trait Keys {
    /// A new certificate authority.
    ///
    /// # Errors
    /// If it cannot be made.
    fn authority(&self, cluster: &str, now: Timestamp) -> Result<Pair, KeyError>;

    /// A new private key for the tokens of service accounts, as PEM.
    ///
    /// # Errors
    /// If it cannot be made.
    fn service_accounts(&self) -> Result<String, KeyError>;

    /// A client certificate of a user, signed by the cluster's authority.
    ///
    /// # Errors
    /// If it cannot be made, or the authority's key cannot be read.
    fn client(&self, authority: &Pair, who: &Client<'_>) -> Result<Pair, KeyError>;
}

/// Who a client certificate is for.
#[derive(Debug, Clone, Copy)]
pub struct Client<'a> {
    /// The cluster whose authority signs.
    pub cluster: &'a str,
    /// Name of the user.
    pub user: &'a str,
    /// The user's group.
    pub group: &'a str,
    /// When it begins to be valid.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
}

/// Makes real ones.
#[derive(Debug, Clone, Copy, Default)]
pub struct Generated;

impl Keys for Generated {
    fn authority(&self, cluster: &str, now: Timestamp) -> Result<Pair, KeyError> {
        let mut params = authority(cluster);
        set_validity(&mut params, now, now + AUTHORITY);
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    fn service_accounts(&self) -> Result<String, KeyError> {
        Ok(KeyPair::generate()?.serialize_pem())
    }

    fn client(&self, by: &Pair, who: &Client<'_>) -> Result<Pair, KeyError> {
        let issuer = Issuer::new(authority(who.cluster), KeyPair::from_pem(&by.key)?);
        let mut params = CertificateParams::default();
        params.distinguished_name = distinguished_name(who.user, Some(who.group));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params, who.from, who.to);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &issuer)?;
        Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

/// Everything of an authority that its cluster's name decides: the signer of a certificate is found by it.
fn authority(cluster: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = distinguished_name(cluster, None);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages =
        vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn distinguished_name(common_name: &str, organization: Option<&str>) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    if let Some(organization) = organization {
        name.push(DnType::OrganizationName, organization);
    }
    name
}

fn set_validity(params: &mut CertificateParams, from: Timestamp, to: Timestamp) {
    let instant = |at: Timestamp| {
        OffsetDateTime::from_unix_timestamp(at.as_second()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    };
    params.not_before = instant(from - SLACK);
    params.not_after = instant(to);
}
