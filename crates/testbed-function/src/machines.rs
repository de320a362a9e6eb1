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

/// The few types that are known here.
#[derive(Debug, Clone, Copy, Default)]
pub struct BuiltIn;

impl Machines for BuiltIn {
    fn machine(&self, name: &str) -> Option<Machine> {
        let (cpu, memory_mib) = match name {
            "local-small" => (1.0, 1536),
            "local-medium" => (2.0, 3072),
            "local-large" => (4.0, 6144),
            // Two threads that may use one half of a processor each in the long run: bursts are what a test sees.
            "e2-medium" => (2.0, 4096),
            "e2-standard-2" => (2.0, 8192),
            "e2-standard-4" => (4.0, 16384),
            _ => return None,
        };
        Some(Machine { cpu, memory_mib })
    }
}
