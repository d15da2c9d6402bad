//! Ed25519 keys: one private key a service, the public keys of all.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use pasetors::Public;
use pasetors::keys::{AsymmetricKeyPair, AsymmetricPublicKey, AsymmetricSecretKey, Generate};
use pasetors::token::UntrustedToken;
use pasetors::version4::{PublicToken, V4};

/// What is wrong with a key or a signature.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A key file is absent or unreadable.
    #[error("cannot read the key {file}: {source}")]
    Unreadable {
        /// Its path.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// A key file does not hold a key in hexadecimal.
    #[error("{0} does not hold an Ed25519 key in hexadecimal")]
    Broken(String),
    /// The text is not something that a known service signed.
    #[error("the signature is not valid")]
    Signature,
}

/// A signed text that checked out: who signed it, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The service whose key signed.
    pub issuer: String,
    /// The signed bytes.
    pub message: Vec<u8>,
}

/// This service's private key and everybody's public keys. Cheap to clone; never printed.
#[derive(Clone)]
pub struct Keys(Arc<Inner>);

struct Inner {
    name: String,
    secret: AsymmetricSecretKey<V4>,
    public: HashMap<String, AsymmetricPublicKey<V4>>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({}, {} public)", self.0.name, self.0.public.len())
    }
}

impl Keys {
    /// Reads `<dir>/<name>.key` (64 bytes: seed and public half) and every `<dir>/public/<service>.pub` (32 bytes), all in hexadecimal.
    pub fn read(dir: &Path, name: &str) -> Result<Self, KeyError> {
        let secret =
            AsymmetricSecretKey::from(&read_hex(&dir.join(format!("{name}.key")))?).map_err(|_| KeyError::Broken(format!("{name}.key")))?;
        let folder = dir.join("public");
        let unreadable = |source| KeyError::Unreadable { file: folder.display().to_string(), source };
        let mut public = HashMap::new();
        for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let Some(service) = path.file_name().and_then(|file| file.to_str()).and_then(|file| file.strip_suffix(".pub")) else {
                continue;
            };
            let key = AsymmetricPublicKey::from(&read_hex(&path)?).map_err(|_| KeyError::Broken(path.display().to_string()))?;
            public.insert(service.to_owned(), key);
        }
        Ok(Self(Arc::new(Inner { name: name.to_owned(), secret, public })))
    }

    /// Makes a key pair for each name and writes them where [`Keys::read`] looks; existing keys stay.
    pub fn write_missing(dir: &Path, names: &[&str]) -> Result<(), KeyError> {
        let failed = |source| KeyError::Unreadable { file: dir.display().to_string(), source };
        std::fs::create_dir_all(dir.join("public")).map_err(failed)?;
        for name in names {
            let file = dir.join(format!("{name}.key"));
            if file.exists() {
                continue;
            }
            let pair = AsymmetricKeyPair::<V4>::generate().map_err(|_| KeyError::Broken(file.display().to_string()))?;
            write_private(&dir.join(format!("public/{name}.pub")), &hex::encode(pair.public.as_bytes())).map_err(failed)?;
            // Last, so that an interrupted start makes the pair again.
            write_private(&file, &hex::encode(pair.secret.as_bytes())).map_err(failed)?;
        }
        Ok(())
    }

    /// The service that this process is.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Signs `message` for `purpose`; a signature for one purpose is worth nothing for another.
    pub fn sign(&self, purpose: &str, message: &[u8]) -> Result<String, KeyError> {
        PublicToken::sign(&self.0.secret, message, Some(self.0.name.as_bytes()), Some(purpose.as_bytes())).map_err(|_| KeyError::Signature)
    }

    /// What a signed text says, whoever signed it: nothing may be believed because of it.
    pub fn unverified(signed: &str) -> Option<Vec<u8>> {
        UntrustedToken::<Public, V4>::try_from(signed).ok().map(|token| token.untrusted_payload().to_vec())
    }

    /// Checks a signed text of any known service.
    pub fn verify(&self, purpose: &str, signed: &str) -> Result<Verified, KeyError> {
        let untrusted = UntrustedToken::<Public, V4>::try_from(signed).map_err(|_| KeyError::Signature)?;
        let issuer = std::str::from_utf8(untrusted.untrusted_footer()).map_err(|_| KeyError::Signature)?.to_owned();
        let key = self.0.public.get(&issuer).ok_or(KeyError::Signature)?;
        let trusted =
            PublicToken::verify(key, &untrusted, Some(issuer.as_bytes()), Some(purpose.as_bytes())).map_err(|_| KeyError::Signature)?;
        Ok(Verified { issuer, message: trusted.payload().as_bytes().to_vec() })
    }
}

fn read_hex(path: &Path) -> Result<Vec<u8>, KeyError> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|source| KeyError::Unreadable { file: file.clone(), source })?;
    hex::decode(text.trim()).map_err(|_| KeyError::Broken(file))
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_purpose_and_its_signer_only() {
        let dir = tempfile::tempdir().unwrap();
        Keys::write_missing(dir.path(), &["identity", "tickets"]).unwrap();
        let identity = Keys::read(dir.path(), "identity").unwrap();
        let tickets = Keys::read(dir.path(), "tickets").unwrap();

        let signed = identity.sign("access", b"hello").unwrap();
        let verified = tickets.verify("access", &signed).unwrap();
        assert_eq!((verified.issuer.as_str(), verified.message.as_slice()), ("identity", b"hello".as_slice()));
        assert!(tickets.verify("upload", &signed).is_err());
        let mut broken = signed.clone();
        broken.replace_range(20..21, if &broken[20..21] == "A" { "B" } else { "A" });
        assert!(tickets.verify("access", &broken).is_err());
    }

    #[test]
    fn keys_that_exist_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        Keys::write_missing(dir.path(), &["identity"]).unwrap();
        let before = std::fs::read(dir.path().join("identity.key")).unwrap();
        Keys::write_missing(dir.path(), &["identity", "notifier"]).unwrap();
        assert_eq!(before, std::fs::read(dir.path().join("identity.key")).unwrap());
    }
}
