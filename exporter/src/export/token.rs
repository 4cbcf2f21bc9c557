//! A bearer token in a file, such as a service account's: it expires, and is replaced before.

use std::path::{Path, PathBuf};
use std::{fs, io};

use http::HeaderValue;

use crate::export::watched::Watched;

/// The token as it was last read.
#[derive(Debug)]
pub(super) struct Token {
    path: PathBuf,
    watched: Watched,
    header: HeaderValue,
}

/// Why a token cannot be read. No sentence repeats it.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// No file, or none that may be read.
    #[error("cannot read the token in {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// No token, or bytes that no header takes.
    #[error("{0} has no bearer token: it has to be one line of printable ASCII")]
    Content(PathBuf),
}

impl Token {
    /// # Errors
    /// [`TokenError`].
    pub(super) fn read(path: PathBuf) -> Result<Self, TokenError> {
        let watched = Watched::new([path.clone()]);
        Ok(Self { header: header(&path)?, watched, path })
    }

    /// What goes into `authorization`; read again if the file is another. While that fails it is the token of before.
    pub(super) fn header(&mut self) -> HeaderValue {
        if self.watched.changed() {
            match header(&self.path) {
                Ok(header) => self.header = header,
                Err(error) => {
                    tracing::warn!(cause = %error, remedy = "write the file again", "the token of before stays in use");
                }
            }
        }
        self.header.clone()
    }
}

fn header(path: &Path) -> Result<HeaderValue, TokenError> {
    let content =
        fs::read_to_string(path).map_err(|source| TokenError::Read { path: path.to_owned(), source })?;
    let token = content.trim();
    let valid = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    match HeaderValue::try_from(format!("Bearer {token}")) {
        Ok(mut header) if valid => {
            header.set_sensitive(true);
            Ok(header)
        }
        _ => Err(TokenError::Content(path.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_again_and_a_wrong_one_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "first\n").unwrap();
        let mut token = Token::read(path.clone()).unwrap();
        assert_eq!(token.header(), "Bearer first");
        fs::write(&path, "second").unwrap();
        assert_eq!(token.header(), "Bearer second");
        fs::write(&path, "two words").unwrap();
        assert_eq!(token.header(), "Bearer second");
        fs::remove_file(&path).unwrap();
        assert_eq!(token.header(), "Bearer second");
        fs::write(&path, "third").unwrap();
        assert_eq!(token.header(), "Bearer third");
        assert!(!format!("{token:?}").contains("third"));
    }

    #[test]
    fn a_file_without_a_token_says_so_and_hides_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        assert!(matches!(Token::read(path.clone()), Err(TokenError::Read { .. })));
        for content in ["", " \n", "secret secret", "secret\u{e4}"] {
            fs::write(&path, content).unwrap();
            let sentence = Token::read(path.clone()).unwrap_err().to_string();
            assert!(sentence.contains("no bearer token") && !sentence.contains("secret"), "{sentence}");
        }
    }
}
