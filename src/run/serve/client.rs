//! Who is asking, behind proxies that we trust and none that we do not.

use std::net::IpAddr;
use std::str::FromStr;

/// A network in CIDR notation, such as `10.0.0.0/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: u128,
    bits: u32,
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no address and no network such as 10.0.0.0/8");
        let (address, length) = match text.trim().split_once('/') {
            Some((address, length)) => (address, Some(length.parse::<u32>().map_err(|_| wrong())?)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let length = length.unwrap_or(whole);
        if length > whole {
            return Err(wrong());
        }
        Ok(Self { address: number(address), bits: length + 128 - whole })
    }
}

impl Network {
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        let outside = 128 - self.bits;
        let cut = |number: u128| number.checked_shr(outside).unwrap_or(0);
        cut(number(address)) == cut(self.address)
    }
}

/// IPv4 addresses live among the IPv6 ones, as `::ffff:a.b.c.d`.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// The client's address: the peer's own, unless the peer is a trusted proxy; then the last address
/// in `X-Forwarded-For` that is not a trusted proxy too. What stands before that one was written by
/// the client itself and proves nothing.
#[must_use]
pub fn client(peer: IpAddr, forwarded_for: &[&str], trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.holds(address));
    let mut client = peer.to_canonical();
    let mut hops = forwarded_for.iter().flat_map(|line| line.split(',')).rev();
    while is_trusted(client) {
        let Some(hop) = hops.next() else { break };
        let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
        client = address.to_canonical();
    }
    client
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Network, client};

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_client_cannot_choose_its_own_address() {
        let none: [Network; 0] = [];
        assert_eq!(client(ip("192.0.2.1"), &["203.0.113.9"], &none), ip("192.0.2.1"));
        let trusted = ["127.0.0.1".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
        assert_eq!(client(ip("127.0.0.1"), &["203.0.113.9"], &trusted), ip("203.0.113.9"));
        assert_eq!(client(ip("127.0.0.1"), &["6.6.6.6, 203.0.113.9, 10.1.2.3"], &trusted), ip("203.0.113.9"));
        assert_eq!(client(ip("127.0.0.1"), &["6.6.6.6", "203.0.113.9"], &trusted), ip("203.0.113.9"));
        assert_eq!(client(ip("127.0.0.1"), &["nonsense"], &trusted), ip("127.0.0.1"));
        assert_eq!(client(ip("127.0.0.1"), &[], &trusted), ip("127.0.0.1"));
    }

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        let network: Network = "192.0.2.0/24".parse().unwrap();
        assert!(network.holds(ip("192.0.2.200")) && network.holds(ip("::ffff:192.0.2.1")));
        assert!(!network.holds(ip("192.0.3.1")) && !network.holds(ip("2001:db8::1")));
        assert!("::/0".parse::<Network>().unwrap().holds(ip("2001:db8::1")));
        assert!("192.0.2.0/33".parse::<Network>().is_err());
        assert!("example.org".parse::<Network>().is_err());
    }
}
