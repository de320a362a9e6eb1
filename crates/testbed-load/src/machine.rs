//! What the machine did during the window, as the kernel counts it: what a reader needs to know before believing a
//! latency. What cannot be read is left out.

use serde::Serialize;
use std::fmt;
use std::fs;
use std::time::{Duration, Instant};

/// The machine, and how busy it was: all processes of it, the subject among them, and not only those of a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Machine {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_model: Option<String>,
    /// CPUs that are online.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpus: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kernel: Option<String>,
    /// How the frequency of the first CPU is chosen; virtual machines rarely know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) governor: Option<String>,
    /// Share of the CPU time of the window that the hypervisor gave to others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) steal_ratio: Option<f64>,
    /// Share of the window in which some task could have run and had no CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_pressure_ratio: Option<f64>,
    /// Share of the window in which some task waited for memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) memory_pressure_ratio: Option<f64>,
    /// Share of the window in which some task waited for input or output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) io_pressure_ratio: Option<f64>,
}

impl Machine {
    /// Returns the machine between two readings of its counters.
    pub(crate) fn between(start: &Counters, end: &Counters) -> Self {
        let waited = |which: fn(&Counters) -> Option<u64>| {
            waited_ratio(which(start)?, which(end)?, end.at.saturating_duration_since(start.at))
        };
        Self {
            cpu_model: read("/proc/cpuinfo").as_deref().and_then(model),
            cpus: end.cpu.as_ref().map(|cpu| cpu.online).filter(|&cpus| cpus > 0),
            kernel: line("/proc/sys/kernel/osrelease"),
            governor: line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            steal_ratio: start
                .cpu
                .as_ref()
                .zip(end.cpu.as_ref())
                .and_then(|(one, two)| steal_ratio(one, two)),
            cpu_pressure_ratio: waited(|counters| counters.waited_for_cpu),
            memory_pressure_ratio: waited(|counters| counters.waited_for_memory),
            io_pressure_ratio: waited(|counters| counters.waited_for_io),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent =
            |name: &str, ratio: Option<f64>| ratio.map(|ratio| format!("{name} {:.1} %", ratio * 1e2));
        let known = [
            self.cpus.map(|cpus| format!("{cpus} CPUs")),
            self.cpu_model.clone(),
            self.kernel.as_ref().map(|kernel| format!("Linux {kernel}")),
            self.governor.as_ref().map(|governor| format!("governor {governor}")),
            percent("stolen", self.steal_ratio),
            percent("waited for CPU", self.cpu_pressure_ratio),
            percent("for memory", self.memory_pressure_ratio),
            percent("for I/O", self.io_pressure_ratio),
        ];
        let known: Vec<String> = known.into_iter().flatten().collect();
        formatter.write_str(if known.is_empty() { "unknown" } else { "" })?;
        formatter.write_str(&known.join(", "))
    }
}

/// The kernel's counters at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Counters {
    at: Instant,
    cpu: Option<CpuTimes>,
    waited_for_cpu: Option<u64>,
    waited_for_memory: Option<u64>,
    waited_for_io: Option<u64>,
}

impl Counters {
    /// Reads them now.
    pub(crate) fn read() -> Self {
        let waited = |path| read(path).as_deref().and_then(waited_micros);
        Self {
            at: Instant::now(),
            cpu: read("/proc/stat").as_deref().and_then(cpu_times),
            waited_for_cpu: waited("/proc/pressure/cpu"),
            waited_for_memory: waited("/proc/pressure/memory"),
            waited_for_io: waited("/proc/pressure/io"),
        }
    }
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

fn line(path: &str) -> Option<String> {
    read(path).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// CPU time since the machine started, over all CPUs, in the kernel's ticks.
#[derive(Clone, Debug, PartialEq, Eq)]
struct CpuTimes {
    all: u64,
    stolen: u64,
    online: usize,
}

/// Reads `/proc/stat`. Time of guests is left out: it is in user time already.
fn cpu_times(stat: &str) -> Option<CpuTimes> {
    let mut times = stat.lines().find_map(|line| line.strip_prefix("cpu "))?.split_whitespace();
    // user nice system idle iowait irq softirq steal
    let mut all = [0_u64; 8];
    for time in &mut all {
        *time = times.next()?.parse().ok()?;
    }
    let is_cpu = |line: &&str| {
        line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    };
    Some(CpuTimes { all: all.iter().sum(), stolen: all[7], online: stat.lines().filter(is_cpu).count() })
}

fn steal_ratio(start: &CpuTimes, end: &CpuTimes) -> Option<f64> {
    ratio(end.stolen.checked_sub(start.stolen)? as f64, end.all.checked_sub(start.all)? as f64)
}

/// Reads how many microseconds some task waited, of a file in `/proc/pressure`.
fn waited_micros(pressure: &str) -> Option<u64> {
    let some = pressure.lines().find_map(|line| line.strip_prefix("some "))?;
    some.split_whitespace().find_map(|field| field.strip_prefix("total="))?.parse().ok()
}

/// The kernel brings its counters of waiting up to date every two seconds only: in a window of a few seconds the ratio
/// is coarse, and one second of it may be said to have held more than a second of waiting.
fn waited_ratio(start: u64, end: u64, elapsed: Duration) -> Option<f64> {
    ratio(end.checked_sub(start)? as f64, elapsed.as_secs_f64() * 1e6)
}

/// Returns a share between 0 and 1; nothing of nothing is not known.
fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| (part / whole).clamp(0.0, 1.0))
}

/// Reads the name of the first CPU in `/proc/cpuinfo`; ARM has none there.
fn model(cpuinfo: &str) -> Option<String> {
    let named = |line: &str| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name" && !value.trim().is_empty()).then(|| value.trim().to_owned())
    };
    cpuinfo.lines().find_map(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "\
cpu  1000 20 300 4000 50 6 70 80 900 0
cpu0 500 10 150 2000 25 3 35 40 450 0
cpu1 500 10 150 2000 25 3 35 40 450 0
intr 12345 0 0
ctxt 678
btime 1767322745
procs_running 2
";

    #[test]
    fn cpu_time_is_that_of_all_cpus_and_counts_guests_once() {
        assert_eq!(cpu_times(STAT), Some(CpuTimes { all: 5526, stolen: 80, online: 2 }));
    }

    #[test]
    fn a_file_that_is_not_what_it_should_be_says_nothing() {
        for wrong in ["", "cpu", "cpu  1 2 3 4 5 6 7\n", "cpu  a b c d e f g h\n", "cpu0 1 2 3 4 5 6 7 8\n"] {
            assert_eq!(cpu_times(wrong), None, "{wrong:?}");
        }
        for wrong in ["", "full avg10=0.00 total=5\n", "some avg10=0.00\n", "some total=-1\n"] {
            assert_eq!(waited_micros(wrong), None, "{wrong:?}");
        }
        for wrong in ["", "model name", "model name\t:\n", "processor\t: 0\n"] {
            assert_eq!(model(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn stolen_time_is_a_share_of_the_cpu_time_between_two_readings() {
        let at = |all, stolen| CpuTimes { all, stolen, online: 2 };
        assert_eq!(steal_ratio(&at(1000, 10), &at(1400, 110)), Some(0.25));
        assert_eq!(steal_ratio(&at(1000, 10), &at(1400, 10)), Some(0.0));
        // No time went by, or the counters ran backwards, as they do when a CPU is taken away.
        assert_eq!(steal_ratio(&at(1000, 10), &at(1000, 10)), None);
        assert_eq!(steal_ratio(&at(1000, 10), &at(900, 20)), None);
    }

    #[test]
    fn waiting_is_a_share_of_the_time_that_went_by() {
        let text = "some avg10=1.53 avg60=0.87 avg300=0.27 total=2500000\n\
                    full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
        assert_eq!(waited_micros(text), Some(2_500_000));
        let second = Duration::from_secs(1);
        assert_eq!(waited_ratio(2_500_000, 2_750_000, second), Some(0.25));
        assert_eq!(waited_ratio(2_500_000, 4_500_000, second), Some(1.0));
        assert_eq!(waited_ratio(2_500_000, 2_400_000, second), None);
        assert_eq!(waited_ratio(0, 1, Duration::ZERO), None);
    }

    #[test]
    fn the_model_is_the_one_of_the_first_cpu() {
        let text = "processor\t: 0\nmodel\t\t: 1\nmodel name\t: AMD EPYC 7B13\n\nmodel name\t: other\n";
        assert_eq!(model(text).as_deref(), Some("AMD EPYC 7B13"));
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        assert_eq!(serde_json::to_string(&Machine::default()).unwrap(), "{}");
        assert_eq!(Machine::default().to_string(), "unknown");
        let machine = Machine { cpus: Some(2), steal_ratio: Some(0.125), ..Machine::default() };
        assert_eq!(serde_json::to_string(&machine).unwrap(), r#"{"cpus":2,"stealRatio":0.125}"#);
        assert_eq!(machine.to_string(), "2 CPUs, stolen 12.5 %");
    }

    #[test]
    fn every_ratio_of_this_machine_is_a_share() {
        let start = Counters::read();
        std::thread::sleep(Duration::from_millis(50));
        let machine = Machine::between(&start, &Counters::read());
        assert!(machine.kernel.is_some() && machine.cpus.is_some_and(|cpus| cpus > 0), "{machine:?}");
        let ratios = [
            machine.steal_ratio,
            machine.cpu_pressure_ratio,
            machine.memory_pressure_ratio,
            machine.io_pressure_ratio,
        ];
        assert!(ratios.iter().flatten().all(|ratio| (0.0..=1.0).contains(ratio)), "{machine:?}");
    }
}
