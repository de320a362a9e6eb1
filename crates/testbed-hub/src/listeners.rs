//! Who listens where: to find ports that are taken, and to prove that nothing of the hub listens beyond the machine.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use crate::{cgroup::Cgroups, layout::ADDRESS};

/// A TCP socket that waits for connections, in the machine's own network namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listener {
    /// Where it listens.
    pub address: SocketAddr,
    inode: u64,
}

/// A listener and the process it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its process.
    pub pid: u32,
    /// The process's short name.
    pub program: String,
}

/// Every listener of the machine.
#[must_use]
pub fn all() -> Vec<Listener> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let mut found = parse(&read("/proc/net/tcp"));
    found.extend(parse(&read("/proc/net/tcp6")));
    found
}

/// Listeners of the hub's processes on addresses that can be reached from beyond the machine. It must be empty.
#[must_use]
pub fn outside(cgroups: &Cgroups) -> Vec<Owned> {
    let open: Vec<_> = all().into_iter().filter(|listener| reaches_out(listener.address.ip())).collect();
    owned(&open, &cgroups.processes(""))
}

/// Listeners that belong to one of these processes.
#[must_use]
pub fn owned(listeners: &[Listener], pids: &BTreeSet<u32>) -> Vec<Owned> {
    let by_inode: BTreeMap<u64, SocketAddr> =
        listeners.iter().map(|listener| (listener.inode, listener.address)).collect();
    let mut found = Vec::new();
    for &pid in pids {
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
            let Ok(link) = fs::read_link(entry.path()) else { continue };
            let inode = link.to_string_lossy();
            let inode = inode.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']')?.parse().ok());
            if let Some(&address) = inode.and_then(|inode: u64| by_inode.get(&inode)) {
                let program = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
                found.push(Owned { address, pid, program: program.trim().into() });
            }
        }
    }
    found
}

/// Whether an address is neither of the loopback link nor of the hub's bridge.
fn reaches_out(address: IpAddr) -> bool {
    let address = address.to_canonical();
    !address.is_loopback() && address.to_string() != ADDRESS
}

fn parse(table: &str) -> Vec<Listener> {
    const LISTEN: &str = "0A";
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (local, state) = (words.nth(1)?, words.nth(1)?);
            let inode = words.nth(5)?.parse().ok()?;
            let (address, port) = local.split_once(':')?;
            let port = u16::from_str_radix(port, 16).ok()?;
            (state == LISTEN)
                .then_some(Listener { address: SocketAddr::new(parse_address(address)?, port), inode })
        })
        .collect()
}

/// Addresses are words of four bytes in the machine's byte order.
fn parse_address(hex: &str) -> Option<IpAddr> {
    let word = |text: &str| Some(u32::from_str_radix(text, 16).ok()?.to_ne_bytes());
    match hex.len() {
        8 => Some(Ipv4Addr::from(word(hex)?).into()),
        32 => {
            let mut bytes = [0; 16];
            for (index, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(&hex[index * 8..index * 8 + 8])?);
            }
            Some(Ipv6Addr::from(bytes).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:094B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 222 1 0
   2: 0158580A:192B 0158580A:C350 01 00000000:00000000 00:00000000 00000000     0        0 333 1 0
   3: 0100580A:192B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 444 1 0
";

    #[test]
    #[cfg(target_endian = "little")]
    fn listeners_are_told_from_connections_and_open_ones_from_local_ones() {
        let found = parse(TABLE);
        let shown: Vec<_> = found.iter().map(|listener| listener.address.to_string()).collect();
        assert_eq!(shown, ["127.0.0.1:2379", "0.0.0.0:22", "10.88.0.1:6443"]);
        let open: Vec<_> = found.iter().map(|listener| reaches_out(listener.address.ip())).collect();
        assert_eq!(open, [false, true, false]);
    }

    #[test]
    fn a_listener_of_this_process_is_found() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let own = owned(&all(), &[std::process::id()].into());
        assert!(own.iter().any(|found| found.address == socket.local_addr().unwrap()));
    }
}
