//! Where a request comes from: the address that limits count by. Forwarding headers are believed only from configured proxies (S25).

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap};

/// A range of addresses, like `10.0.0.0/8` or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: u128,
    bits: u8,
    v6: bool,
}

/// The text is no address or range.
#[derive(Debug, thiserror::Error)]
#[error("not an address or network: {0}")]
pub struct BadNetwork(String);

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadNetwork(text.to_owned());
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let width = if address.is_ipv6() { 128 } else { 32 };
        let bits = bits.map_or(Ok(width), str::parse).map_err(|_| bad())?;
        if bits > width {
            return Err(bad());
        }
        Ok(Self { base: number(address), bits, v6: address.is_ipv6() })
    }
}

impl Network {
    /// Whether an address lies in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        let width: u32 = if self.v6 { 128 } else { 32 };
        let shift = width - u32::from(self.bits);
        let masked = |value: u128| value.checked_shr(shift).unwrap_or(0);
        address.is_ipv6() == self.v6 && masked(number(address)) == masked(self.base)
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

/// The client's address: the connection's peer, or behind configured proxies the last address of `X-Forwarded-For` that is not one of them.
pub fn of(headers: &HeaderMap, extensions: &Extensions, proxies: &[Network]) -> IpAddr {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>().map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |info| info.0.ip().to_canonical());
    if !trusted(peer, proxies) {
        return peer;
    }
    let mut hops = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let mut chain = Vec::new();
    // No honest chain is longer; a forged one must not cost us.
    for hop in hops.by_ref().take(32) {
        match hop.trim().parse::<IpAddr>() {
            Ok(address) => chain.push(address.to_canonical()),
            Err(_) => chain.clear(),
        }
    }
    chain.into_iter().rev().find(|address| !trusted(*address, proxies)).unwrap_or(peer)
}

fn trusted(address: IpAddr, proxies: &[Network]) -> bool {
    proxies.iter().any(|network| network.contains(address))
}

/// What limits count: an IPv4 address, or the /64 that one IPv6 customer has.
pub fn key(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(peer: &str, forwarded: &'static str, proxies: &[&str]) -> String {
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        let headers = HeaderMap::from_iter([("x-forwarded-for".parse().unwrap(), forwarded.parse().unwrap())]);
        let proxies: Vec<Network> = proxies.iter().map(|text| text.parse().unwrap()).collect();
        of(&headers, &extensions, &proxies).to_string()
    }

    #[test]
    fn a_forwarded_address_counts_only_from_a_configured_proxy_s25() {
        assert_eq!(source("203.0.113.9", "198.51.100.1", &[]), "203.0.113.9");
        assert_eq!(source("10.0.0.2", "198.51.100.1", &["10.0.0.0/8"]), "198.51.100.1");
        assert_eq!(source("10.0.0.2", "1.1.1.1, 198.51.100.1, 10.0.0.3", &["10.0.0.0/8"]), "198.51.100.1");
        assert_eq!(source("10.0.0.2", "nonsense", &["10.0.0.0/8"]), "10.0.0.2");
        assert_eq!(source("::ffff:10.0.0.2", "198.51.100.1", &["10.0.0.0/8"]), "198.51.100.1");
    }

    #[test]
    fn a_network_is_an_address_or_a_range() {
        assert!("0.0.0.0/0".parse::<Network>().unwrap().contains("9.9.9.9".parse().unwrap()));
        assert!(!"127.0.0.1".parse::<Network>().unwrap().contains("127.0.0.2".parse().unwrap()));
        assert!("fd00::/8".parse::<Network>().unwrap().contains("fd12::1".parse().unwrap()));
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "x"] {
            assert!(bad.parse::<Network>().is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn all_addresses_of_one_ipv6_customer_count_as_one() {
        assert_eq!(key("2001:db8:1:2:3:4:5:6".parse().unwrap()), key("2001:db8:1:2::9".parse().unwrap()));
        assert_ne!(key("2001:db8:1:2::9".parse().unwrap()), key("2001:db8:1:3::9".parse().unwrap()));
    }
}
