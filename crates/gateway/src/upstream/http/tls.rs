//! Certificates.

use std::path::Path;
use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt;
use mcpg_config::app::{ClientIdentity, Tls};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::upstream::error::{SetupError, chain};

/// Makes the TLS settings of an upstream. Where `secure` is false TLS is never spoken, so the system's certificates
/// are not even looked for: a machine may have none.
pub(in crate::upstream) fn client_config(
    secure: bool,
    tls: Option<&Tls>,
) -> Result<ClientConfig, SetupError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| SetupError::new(chain(&error)))?;
    let builder = match tls.and_then(|tls| tls.ca_cert.as_deref()) {
        Some(path) => builder.with_root_certificates(authorities(path)?),
        None if secure => builder
            .with_native_roots()
            .map_err(|error| SetupError::new(format!("the system has no usable certificates: {error}")))?,
        None => builder.with_root_certificates(RootCertStore::empty()),
    };
    match tls.and_then(|tls| tls.client_identity.as_ref()) {
        Some(ClientIdentity { cert, key }) => {
            let unusable = |error: &rustls::Error| {
                SetupError::new(format!(
                    "client_cert {} cannot be used: {}",
                    cert.display(),
                    chain(error)
                ))
            };
            builder
                .with_client_auth_cert(certificates("client_cert", cert)?, private_key(key)?)
                .map_err(|error| unusable(&error))
        }
        None => Ok(builder.with_no_client_auth()),
    }
}

fn authorities(path: &Path) -> Result<RootCertStore, SetupError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("ca_cert", path)? {
        roots.add(certificate).map_err(|error| {
            SetupError::new(format!(
                "ca_cert {} cannot be used: {}",
                path.display(),
                chain(&error)
            ))
        })?;
    }
    Ok(roots)
}

fn certificates(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| {
            SetupError::new(format!(
                "{key} {} cannot be read: {}",
                path.display(),
                chain(&error)
            ))
        })?;
    if found.is_empty() {
        return Err(SetupError::new(format!(
            "{key} {} holds no certificate",
            path.display()
        )));
    }
    Ok(found)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, SetupError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| {
        SetupError::new(format!(
            "client_key {} cannot be read: {}",
            path.display(),
            chain(&error)
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn files_that_cannot_be_used_are_named_with_their_key() {
        let missing = PathBuf::from("/nonexistent/authority.pem");
        let tls = Tls {
            ca_cert: Some(missing.clone()),
            client_identity: None,
        };
        let error = client_config(true, Some(&tls))
            .expect_err("no such file")
            .to_string();
        assert!(
            error.contains("ca_cert") && error.contains("authority.pem"),
            "{error}"
        );
        let identity = ClientIdentity {
            cert: missing.clone(),
            key: missing,
        };
        let tls = Tls {
            ca_cert: None,
            client_identity: Some(identity),
        };
        let error = client_config(false, Some(&tls))
            .expect_err("no such file")
            .to_string();
        assert!(error.contains("client_cert"), "{error}");
    }

    #[test]
    fn plain_http_needs_no_certificates() {
        assert!(client_config(false, None).is_ok());
    }
}
