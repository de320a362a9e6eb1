//! I17: the log of the operator, to the last word, holds no credential. Alone in its process: whether something is logged
//! at all is decided once for all threads of one.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::io::Write;
use std::sync::{Arc, Mutex};
use testbed_sim::players::holds_canary;
use testbed_sim::runs;
use testbed_sim::world::{Ground, live};
use tracing_subscriber::fmt::MakeWriter;

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[test]
fn the_log_at_its_most_talkative_holds_no_credential() {
    for name in ["clusters", "cluster-dies", "orphaned-in-clusters"] {
        let scenario = runs::named(name).unwrap();
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(log.clone())
            .finish();
        let outcome = tracing::subscriber::with_default(subscriber, || live(&Ground::Memory, &scenario, &[]));
        assert!(outcome.broken.is_empty(), "{:?}", outcome.broken);
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(log.contains("apply"), "nothing was logged");
        let shown = log.lines().find(|line| holds_canary(line));
        assert_eq!(shown, None, "{name}");
    }
}
