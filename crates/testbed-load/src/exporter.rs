//! Exposes a known number of series for stores to scrape.
//!
//! What is exposed is a pure function of the series' number and of the time since the start: the labels of a small
//! fleet (regions, zones, clusters, teams, services, versions, pods, handlers), half gauges and half counters. A pod
//! has ten series, so that series come and go with their pod, as they do in a fleet.

use crate::server::{self, Answer};
use bytes::{Bytes, BytesMut};
use hyper::StatusCode;
use std::fmt::{self, Write};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const HANDLERS: [&str; 5] = ["/api/items", "/api/orders", "/api/users", "/login", "/search"];
const FAMILIES: [Family; 2] = [Family::Gauge, Family::Counter];
const SERIES_OF_A_POD: u64 = (HANDLERS.len() * FAMILIES.len()) as u64;
const REGIONS: [&str; 3] = ["eu-west", "us-east", "ap-south"];
const ZONES: [char; 3] = ['a', 'b', 'c'];
const SERVICES: [&str; 12] = [
    "cart",
    "catalog",
    "checkout",
    "gateway",
    "identity",
    "inventory",
    "mail",
    "payment",
    "pricing",
    "review",
    "shipping",
    "stock",
];
const TEAMS: u64 = 20;
const CLUSTERS: u64 = 6;
const VERSIONS: u64 = 4;

/// Expose a known number of series for a store to scrape
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Series exposed at /metrics
    #[arg(long)]
    series: u64,
    /// Series replaced by new ones each minute, by pods of ten series
    #[arg(long, default_value_t = 0)]
    churn_per_minute: u64,
    /// Address to listen on
    #[arg(long, default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
}

pub(crate) async fn main(args: Args, stop: CancellationToken) -> anyhow::Result<()> {
    let fleet = Fleet::new(args.series, args.churn_per_minute);
    server::run(args.listen, pages(fleet, Instant::now()), stop).await
}

/// Returns what answers. `/self` is about the exporter and not part of the series.
fn pages(fleet: Fleet, started: Instant) -> impl Fn(&str) -> Answer {
    let state = Mutex::new(State { fleet, scrapes: 0, render: Duration::ZERO });
    move |path| {
        // A panic while rendering leaves nothing half done that the next rendering would not do again.
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        match path {
            "/metrics" => {
                let begun = Instant::now();
                let page = state.fleet.render(begun - started);
                state.render = begun.elapsed();
                state.scrapes += 1;
                server::metrics(page)
            }
            "/self" => server::metrics(state.own()),
            "/healthz" => server::text(StatusCode::OK, "ok\n"),
            _ => server::text(StatusCode::NOT_FOUND, "not found\n"),
        }
    }
}

struct State {
    fleet: Fleet,
    scrapes: u64,
    render: Duration,
}

impl State {
    fn own(&self) -> String {
        format!(
            "# HELP testbed_exporter_scrapes_total Times that the series were rendered.\n\
             # TYPE testbed_exporter_scrapes_total counter\n\
             testbed_exporter_scrapes_total {}\n\
             # HELP testbed_exporter_series Series exposed.\n\
             # TYPE testbed_exporter_series gauge\n\
             testbed_exporter_series {}\n\
             # HELP testbed_exporter_render_seconds Time the last rendering took.\n\
             # TYPE testbed_exporter_render_seconds gauge\n\
             testbed_exporter_render_seconds {}\n",
            self.scrapes,
            self.fleet.series,
            self.render.as_secs_f64()
        )
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Gauge,
    Counter,
}

impl Family {
    const fn header(self) -> &'static str {
        match self {
            Self::Gauge => "# HELP load_gauge A value that goes up and down.\n# TYPE load_gauge gauge\n",
            Self::Counter => {
                "# HELP load_counter_total A value that only grows.\n# TYPE load_counter_total counter\n"
            }
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Gauge => "load_gauge",
            Self::Counter => "load_counter_total",
        }
    }

    /// Writes the value of a series at a time.
    fn write(self, page: &mut BytesMut, series: u64, time: Duration) -> fmt::Result {
        let random = scramble(series);
        let seconds = time.as_secs_f64();
        match (self, random % 4) {
            // A quarter of all gauges never move, as limits and sizes do not.
            (Self::Gauge, 0) => writeln!(page, "{}", random % 4096),
            (Self::Gauge, _) => {
                let level = (random % 1000) as f64 + 100.0;
                let period = (random % 570) as f64 + 30.0;
                let phase = (random % 628) as f64 / 100.0;
                let wave = (seconds / period * std::f64::consts::TAU + phase).sin();
                writeln!(page, "{:.2}", level * (1.0 + 0.3 * wave))
            }
            // A quarter of all counters stand still, as those of errors do.
            (Self::Counter, 0) => writeln!(page, "{}", random % 16),
            (Self::Counter, _) => {
                let rate = (random % 2000) as f64 / 10.0 + 0.1;
                writeln!(page, "{}", (rate * seconds) as u64)
            }
        }
    }
}

/// The series, with all that stays the same from one scrape to the next already written.
struct Fleet {
    series: u64,
    churn_per_minute: u64,
    pods: Vec<Pod>,
    page: BytesMut,
    /// Room for a page, by the largest one so far.
    room: usize,
}

struct Pod {
    generation: u64,
    heads: Vec<String>,
}

impl Fleet {
    fn new(series: u64, churn_per_minute: u64) -> Self {
        let pods = (0..series.div_ceil(SERIES_OF_A_POD))
            .map(|number| Pod { generation: 0, heads: heads(number, 0, number, series) })
            .collect();
        Self { series, churn_per_minute, pods, page: BytesMut::new(), room: 256 * series as usize }
    }

    /// Returns the page at a time since the start. The memory of an earlier page is used again once it was sent.
    fn render(&mut self, time: Duration) -> Bytes {
        self.churn(time);
        self.page.reserve(self.room);
        for (place, family) in FAMILIES.into_iter().enumerate() {
            if self.series > place as u64 {
                self.page.extend_from_slice(family.header().as_bytes());
            }
            for (number, pod) in self.pods.iter().enumerate() {
                let first = number as u64 * SERIES_OF_A_POD;
                for (slot, head) in pod.heads.iter().enumerate().skip(place).step_by(FAMILIES.len()) {
                    self.page.extend_from_slice(head.as_bytes());
                    // Writing into memory that grows cannot fail.
                    let _ = family.write(&mut self.page, first + slot as u64, time);
                }
            }
        }
        self.room = self.room.max(self.page.len());
        self.page.split().freeze()
    }

    /// Replaces the pods whose turn has come, the oldest first.
    fn churn(&mut self, time: Duration) {
        let count = self.pods.len() as u64;
        if count == 0 {
            return;
        }
        let replaced =
            (time.as_millis() as u64).saturating_mul(self.churn_per_minute) / (60_000 * SERIES_OF_A_POD);
        for (number, pod) in (0_u64..).zip(&mut self.pods) {
            let generation = (replaced + count - 1 - number) / count;
            if pod.generation != generation {
                *pod = Pod {
                    generation,
                    heads: heads(number, generation, count * generation + number, self.series),
                };
            }
        }
    }
}

/// Returns name and labels of each series of a pod. `unique` differs between all pods there ever are.
fn heads(number: u64, generation: u64, unique: u64, series: u64) -> Vec<String> {
    let first = number * SERIES_OF_A_POD;
    let service = SERVICES[(number % SERVICES.len() as u64) as usize];
    let region = REGIONS[(number / 2 % REGIONS.len() as u64) as usize];
    let zone = ZONES[(number / 7 % ZONES.len() as u64) as usize];
    let labels = format!(
        "region=\"{region}\",zone=\"{region}-{zone}\",cluster=\"prod-{}\",team=\"team-{:02}\",service=\"{service}\",\
         version=\"v1.{}.0\",pod=\"{service}-{:08x}\"",
        number / 3 % CLUSTERS,
        number % TEAMS,
        (number + generation) % VERSIONS,
        // Odd factors map 32 bits one to one: the names look random and never meet.
        (unique as u32).wrapping_mul(0x9e37_79b1),
    );
    let slots = (0..SERIES_OF_A_POD).take_while(|slot| first + slot < series);
    slots
        .map(|slot| {
            let family = FAMILIES[slot as usize % FAMILIES.len()];
            let handler = HANDLERS[slot as usize / FAMILIES.len()];
            format!("{}{{{labels},handler=\"{handler}\"}} ", family.name())
        })
        .collect()
}

/// Returns a number that looks random and is the same for the same series.
fn scramble(series: u64) -> u64 {
    let mixed = (series + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93) >> 16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    const SECOND: Duration = Duration::from_secs(1);

    fn page(fleet: &mut Fleet, time: Duration) -> String {
        String::from_utf8(fleet.render(time).to_vec()).unwrap()
    }

    /// Returns value by series, and checks the format on the way.
    fn parse(page: &str) -> BTreeMap<String, f64> {
        let mut series = BTreeMap::new();
        let mut family = String::new();
        let mut families = BTreeSet::new();
        for line in page.lines() {
            if let Some(comment) = line.strip_prefix("# ") {
                if let Some(kind) = comment.strip_prefix("TYPE ") {
                    family = kind.split_once(' ').unwrap().0.to_owned();
                    assert!(families.insert(family.clone()), "{family} comes twice");
                }
                continue;
            }
            let (head, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = head.strip_suffix('}').unwrap().split_once('{').unwrap();
            assert_eq!(name, family, "a series stands outside its family");
            let names: BTreeSet<&str> =
                labels.split(',').map(|label| label.split_once('=').unwrap().0).collect();
            assert_eq!(names.len(), 8, "{line}");
            assert!(series.insert(head.to_owned(), value.parse().unwrap()).is_none(), "{head} comes twice");
        }
        series
    }

    proptest! {
        #[test]
        fn exactly_the_series_asked_for_are_exposed(series in 0..3_000_u64, churn in 0..5_000_u64, seconds in 0..10_000_u64) {
            let mut fleet = Fleet::new(series, churn);
            prop_assert_eq!(parse(&page(&mut fleet, Duration::from_secs(seconds))).len() as u64, series);
        }

        #[test]
        fn the_page_depends_on_the_time_alone(series in 0..500_u64, churn in 0..500_u64, times in prop::collection::vec(0..100_000_u64, 1..6)) {
            let mut used = Fleet::new(series, churn);
            for time in times {
                let time = Duration::from_millis(time);
                prop_assert_eq!(page(&mut used, time), page(&mut Fleet::new(series, churn), time));
            }
        }
    }

    #[test]
    fn churn_replaces_as_many_series_each_minute_as_asked() {
        let mut fleet = Fleet::new(1_000, 200);
        let mut before = parse(&page(&mut fleet, Duration::ZERO));
        for minute in 1..=12 {
            let now = parse(&page(&mut fleet, minute * 60 * SECOND));
            let new = now.keys().filter(|series| !before.contains_key(*series)).count();
            assert_eq!((now.len(), new), (1_000, 200), "minute {minute}");
            before = now;
        }
    }

    #[test]
    fn without_churn_series_stay_counters_only_grow_and_most_values_move() {
        let mut fleet = Fleet::new(2_000, 0);
        let [early, late] = [10, 25].map(|seconds| parse(&page(&mut fleet, seconds * SECOND)));
        assert!(early.keys().eq(late.keys()));
        let moved = early.iter().filter(|(series, value)| late[*series] != **value).count();
        assert!((1_400..1_600).contains(&moved), "{moved} of 2000 moved");
        for (series, value) in early.iter().filter(|(series, _)| series.starts_with("load_counter_total")) {
            assert!(late[series] >= *value, "{series}");
        }
    }

    #[test]
    fn labels_have_few_to_many_values() {
        let series = parse(&page(&mut Fleet::new(10_000, 0), SECOND));
        let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for head in series.keys() {
            for label in head.trim_end_matches('}').split_once('{').unwrap().1.split(',') {
                let (name, value) = label.split_once('=').unwrap();
                values.entry(name).or_default().insert(value);
            }
        }
        let counts: BTreeMap<&str, usize> =
            values.iter().map(|(name, values)| (*name, values.len())).collect();
        let wanted = [
            ("cluster", 6),
            ("handler", 5),
            ("pod", 1_000),
            ("region", 3),
            ("service", 12),
            ("team", 20),
            ("version", 4),
            ("zone", 9),
        ];
        assert_eq!(counts, BTreeMap::from(wanted));
    }

    #[test]
    fn the_memory_of_a_page_that_was_sent_is_used_again() {
        let mut fleet = Fleet::new(20_000, 0);
        let first = fleet.render(SECOND);
        let place = first.as_ptr();
        drop(first);
        let begun = Instant::now();
        let second = fleet.render(2 * SECOND);
        let took = begun.elapsed();
        assert_eq!(second.as_ptr(), place);
        // The promise is 50 ms for a release build; a debug build beside other work gets ten times that.
        assert!(took < Duration::from_millis(500), "{took:?}");
    }

    #[tokio::test]
    async fn the_exporters_own_numbers_are_not_among_the_series() {
        let stop = CancellationToken::new();
        let address = server::spawn(pages(Fleet::new(100, 0), Instant::now()), stop.clone()).await;
        let get = async |path: &str| {
            let url = format!("http://{address}{path}").parse().unwrap();
            let (status, body) = client::get(&url, Duration::from_secs(5)).await.unwrap();
            (status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
        };
        assert_eq!(parse(&get("/metrics").await.1).len(), 100);
        assert_eq!(parse(&get("/metrics").await.1).len(), 100);
        assert!(get("/self").await.1.contains("testbed_exporter_scrapes_total 2\n"));
        assert_eq!(get("/healthz").await.0, 200);
        stop.cancel();
    }
}
