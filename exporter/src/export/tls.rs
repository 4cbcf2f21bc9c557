//! TLS: whom to trust, and who this agent is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// Files in PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates that receivers' certificates have to lead to; without, those that the system trusts.
    pub authority: Option<PathBuf>,
    /// The certificate that this agent shows.
    pub identity: Option<Identity>,
}

/// A certificate with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, and those that lead from it to one that the receiver trusts.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that is not there or not in PEM.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: pem::Error,
    },
    /// A file without certificates.
    #[error("{0} has no certificate in PEM")]
    NoCertificate(PathBuf),
    /// A certificate that cannot be used.
    #[error("{path} has a certificate that cannot be used: {source}")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// A key that does not fit its certificate.
    #[error("{key} is not the key of {certificate}: {source}")]
    Key {
        /// The file of the key.
        key: PathBuf,
        /// The file of the certificate.
        certificate: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// A system that trusts nobody.
    #[error(
        "this system has no trusted certificates: install ca-certificates, or name a file in \
         OTEL_EXPORTER_OTLP_CERTIFICATE"
    )]
    NoAuthority,
    /// The library refuses its own defaults. Settings do not lead to this.
    #[error("cannot prepare TLS: {0}")]
    Library(#[source] rustls::Error),
}

impl TlsFiles {
    /// All files there are.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        let identity = self.identity.iter().flat_map(|identity| [&identity.certificate, &identity.key]);
        self.authority.iter().chain(identity).cloned().collect()
    }

    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`].
    pub(super) fn load(&self) -> Result<ClientConfig, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Library)?
            .with_root_certificates(self.roots()?);
        let Some(Identity { certificate, key }) = &self.identity else {
            return Ok(builder.with_no_client_auth());
        };
        let chain = certificates(certificate)?;
        let private = PrivateKeyDer::from_pem_file(key)
            .map_err(|source| TlsError::Read { path: key.clone(), source })?;
        builder.with_client_auth_cert(chain, private).map_err(|source| TlsError::Key {
            key: key.clone(),
            certificate: certificate.clone(),
            source,
        })
    }

    fn roots(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        if let Some(path) = &self.authority {
            for certificate in certificates(path)? {
                roots
                    .add(certificate)
                    .map_err(|source| TlsError::Certificate { path: path.clone(), source })?;
            }
        } else {
            // Stores have certificates that rustls cannot read; those that it can are enough.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(TlsError::NoAuthority);
            }
        }
        Ok(roots)
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|source| TlsError::Read { path: path.to_owned(), source })?;
    if certificates.is_empty() { Err(TlsError::NoCertificate(path.to_owned())) } else { Ok(certificates) }
}

/// No TLS at all.
///
/// # Errors
/// [`TlsError::Library`].
pub(super) fn none() -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Library)?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}
