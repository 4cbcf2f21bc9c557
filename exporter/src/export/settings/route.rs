//! What is between the agent and its receiver: nothing, a proxy, or a socket of this machine instead of a network.

use std::net::IpAddr;

use http::uri::Scheme;
use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

use crate::export::settings::unix::UnixAddress;
use crate::export::settings::{SettingsError, Variable, Variables};

/// How a receiver is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// By the endpoint's host and port.
    Direct,
    /// By a proxy.
    Proxy(Proxy),
    /// By a Unix socket.
    Unix(UnixAddress),
}

/// A proxy of HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Its address, without credentials.
    pub uri: Uri,
    /// What it wants to see (`proxy-authorization`). Does not show in `Debug`.
    pub authorization: Option<HeaderValue>,
    /// The variable that names it.
    pub variable: String,
}

/// What is wrong with the variable of a proxy. No sentence repeats what may be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyProblem {
    /// Another protocol.
    #[error("begins with {0}://, but only proxies of HTTP that are reached without TLS can be used")]
    Scheme(&'static str),
    /// Host or port cannot be read.
    #[error("is no address of a proxy")]
    Address,
}

/// Schemes that curl knows and this program does not.
const SCHEMES: [&str; 6] = ["https", "socks4", "socks4a", "socks5", "socks5h", "socks"];

/// The proxy for an endpoint, by the rules of curl and Go: the variable of the endpoint's scheme in lower case goes first, and
/// `no_proxy` names what is reached without. This host never needs one (as in Go).
pub(super) fn route(variables: &Variables<'_>, endpoint: &Uri) -> Result<Route, SettingsError> {
    let is_https = endpoint.scheme() == Some(&Scheme::HTTPS);
    let names = if is_https { ["https_proxy", "HTTPS_PROXY"] } else { ["http_proxy", "HTTP_PROXY"] };
    let proxy = names.iter().chain(&["all_proxy", "ALL_PROXY"]).find_map(|name| variables.variable(name));
    let no_proxy = ["no_proxy", "NO_PROXY"].iter().find_map(|name| variables.variable(name));
    let no_proxy = no_proxy.map(|variable| variable.value).unwrap_or_default();
    let Some(Variable { name, value, .. }) = proxy.filter(|_| !is_this_host(endpoint)) else {
        return Ok(Route::Direct);
    };
    let intercept =
        |proxy: &str| Matcher::builder().all(proxy).no(no_proxy.as_str()).build().intercept(endpoint);
    // A proxy that is not asked need not be right.
    if intercept("http://any").is_none() {
        return Ok(Route::Direct);
    }
    let wrong = |problem| SettingsError::Proxy { variable: name.clone(), problem };
    if let Some((scheme, _)) = value.split_once("://")
        && let Some(known) = SCHEMES.iter().find(|known| scheme.eq_ignore_ascii_case(known))
    {
        return Err(wrong(ProxyProblem::Scheme(known)));
    }
    let intercept: Intercept = intercept(&value).ok_or_else(|| wrong(ProxyProblem::Address))?;
    if intercept.uri().host().is_none_or(str::is_empty) {
        return Err(wrong(ProxyProblem::Address));
    }
    let (uri, authorization) = (intercept.uri().clone(), intercept.basic_auth().cloned());
    Ok(Route::Proxy(Proxy { uri, authorization, variable: name }))
}

fn is_this_host(endpoint: &Uri) -> bool {
    let host = endpoint.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}
