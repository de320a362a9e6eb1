//! What a machine type means for a node that is a pod.

/// Processors and memory of a machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Machine {
    /// Virtual processors.
    pub cpu: f64,
    /// Memory in MiB.
    pub memory_mib: u64,
}

/// Knows machine types by name.
pub trait Machines {
    /// The machine of that name, if it is known.
    fn machine(&self, name: &str) -> Option<Machine>;
}

impl<F: Fn(&str) -> Option<Machine>> Machines for F {
    fn machine(&self, name: &str) -> Option<Machine> {
        self(name)
    }
}

/// The lab's own table.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known;

impl Machines for Known {
    fn machine(&self, name: &str) -> Option<Machine> {
        let machine = testbed_core::machines::machine(name)?;
        // A limit is no reservation: types that share their cores may use whole ones for a while, and a test is that short.
        Some(Machine { cpu: machine.burst_cpu, memory_mib: machine.memory_mib })
    }
}
