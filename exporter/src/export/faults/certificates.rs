//! Certificates for one test.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// Who signs certificates.
pub(in crate::export) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
pub(in crate::export) struct Signed {
    pub(in crate::export) certificate: String,
    pub(in crate::export) key: String,
}

/// What a receiver shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::export) enum Shown {
    /// A certificate of its address.
    Right,
    /// One of another name.
    OtherName,
    /// One of its address whose time is over.
    Expired,
}

impl Authority {
    pub(in crate::export) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(in crate::export) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a client.
    pub(in crate::export) fn client(&self) -> Signed {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["agent".to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        Signed { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// What a receiver needs to show a certificate; with a client's authority it asks for one of those.
    pub(in crate::export) fn server(&self, shown: Shown, clients: Option<&Self>) -> Arc<ServerConfig> {
        let name = if shown == Shown::OtherName { "elsewhere.example" } else { "127.0.0.1" };
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if shown == Shown::Expired {
            params.not_after = date_time_ymd(2001, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(clients) => {
                let mut roots = RootCertStore::empty();
                roots.add(clients.0.der().clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let mut config =
            builder.with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::from(key)).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(config)
    }
}
