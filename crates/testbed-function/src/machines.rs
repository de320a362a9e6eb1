//! What a machine type means for a node that is a pod.

/// Processors and memory of a machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Machine {
    /// Virtual processors.
    pub cpu: f64,
    /// Memory in MiB.
    pub memory_mib: u64,
}

/// Returns the machine of that name, if it is known.
///
/// A limit is no reservation: types that share their cores may use whole ones for a while, and a test is that short.
#[must_use]
pub fn machine(name: &str) -> Option<Machine> {
    let machine = testbed_core::machines::machine(name)?;
    Some(Machine { cpu: machine.burst_cpu, memory_mib: machine.memory_mib })
}
