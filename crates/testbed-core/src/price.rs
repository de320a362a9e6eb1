//! What a run costs: list prices as data, an estimate before anything is made, and what has accrued so far.
//!
//! The table is `data/prices.txt`, compiled in, with the day and the source of each list. A price that is not in it is
//! unknown: it is never guessed, and never 0. Every function here is pure: times come in as arguments.

use crate::machines::{Machine, Shape, cluster_type, is_of, machine};
use crate::run;
use crate::schedule::Schedule;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;
use testbed_api::ExperimentSpec;
use testbed_api::experiment::{Cluster, ClusterType, CompletionMode, Target};
use testbed_api::status::{CostStatus, ExperimentStatus};

/// The currency of every amount.
pub const CURRENCY: &str = "USD";

/// Hours of a month, as vendors count them.
const MONTH: f64 = 730.0;

/// Seconds of a year: no run lives longer.
const YEAR: f64 = 366.0 * 24.0 * 3600.0;

/// USD per hour up to which a run needs no budget: what costs more is asked for in words, not by a slip of the pen.
pub const HOURLY_WITHOUT_BUDGET: f64 = 10.0;

/// Deployment of components, in an estimate. Its deadline is longer.
const DEPLOY: Duration = Duration::from_secs(5 * 60);
/// A workflow of which nothing says how long it takes, in an estimate. Its deadline is longer.
const WORKFLOW: Duration = Duration::from_secs(3600);
/// Reading metrics and storing the result, in an estimate.
const COLLECT: Duration = Duration::from_secs(60);

/// The table: see the comment at its head.
const TABLE: &str = include_str!("../data/prices.txt");

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
enum Row {
    List {
        cloud: ClusterType,
        as_of: &'static str,
        source: String,
    },
    Node {
        cloud: ClusterType,
        region: &'static str,
        series: &'static str,
        cpu: f64,
        gib: f64,
        spot: Option<f64>,
    },
    Plane {
        cloud: ClusterType,
        hourly: f64,
        what: String,
    },
    Disk {
        cloud: ClusterType,
        region: &'static str,
        monthly: f64,
        what: String,
    },
    Tier {
        cloud: ClusterType,
        region: &'static str,
        size: f64,
        monthly: f64,
        what: String,
    },
    Balancer {
        cloud: ClusterType,
        hourly: f64,
        what: String,
    },
}

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    // A line that cannot be read is found by a test, so that none is ever left out.
    crate::machines::rows(TABLE).filter_map(|row| read(&row)).collect()
});

fn read(row: &[&'static str]) -> Option<Row> {
    let cloud = cluster_type(row.get(1)?)?;
    let number = |index: usize| row.get(index)?.parse::<f64>().ok().filter(|number| *number >= 0.0);
    let words = |from: usize| row.get(from..).filter(|words| !words.is_empty()).map(|words| words.join(" "));
    match *row.first()? {
        "list" => Some(Row::List { cloud, as_of: row.get(2)?, source: words(3)? }),
        "node" => Some(Row::Node {
            cloud,
            region: row.get(2)?,
            series: row.get(3)?,
            cpu: number(4)?,
            gib: number(5)?,
            spot: match row.get(6) {
                None => None,
                Some(_) => Some(number(6).filter(|share| *share > 0.0 && *share < 1.0)?),
            },
        }),
        "plane" => Some(Row::Plane { cloud, hourly: number(2)?, what: words(3)? }),
        "disk" => Some(Row::Disk { cloud, region: row.get(2)?, monthly: number(3)?, what: words(4)? }),
        "tier" => Some(Row::Tier {
            cloud,
            region: row.get(2)?,
            size: number(3)?,
            monthly: number(4)?,
            what: words(5)?,
        }),
        "balancer" => Some(Row::Balancer { cloud, hourly: number(2)?, what: words(3)? }),
        _ => None,
    }
}

/// A list of prices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PriceList {
    /// The kind of cluster it is for.
    pub cloud: &'static str,
    /// Day on which its prices were written down.
    pub as_of: &'static str,
    /// Whose list it is.
    pub source: String,
}

/// Returns the list of prices for a kind of cluster; none for clusters that are in no cloud.
#[must_use]
pub fn list(kind: ClusterType) -> Option<PriceList> {
    ROWS.iter().find_map(|row| match row {
        Row::List { cloud, as_of, source } if *cloud == kind => {
            Some(PriceList { cloud: kind.as_str(), as_of, source: source.clone() })
        }
        _ => None,
    })
}

/// Returns whether a kind of cluster costs money.
#[must_use]
pub fn is_paid(kind: ClusterType) -> bool {
    matches!(kind, ClusterType::Gke | ClusterType::Eks | ClusterType::Aks)
}

/// Returns the region of a zone, if it is written as zones of that cloud are.
///
/// A zone of GKE is `us-central1-a`, one of EKS `us-east-1a`; of Azure the region is given, `eastus`, with or without
/// the number of a zone, `eastus-1`.
#[must_use]
pub fn region(kind: ClusterType, zone: &str) -> Option<&str> {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_letter = |text: &str| text.len() == 1 && is_word(text);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match kind {
        ClusterType::Gke => {
            let (region, zone) = zone.rsplit_once('-')?;
            let (area, place) = region.split_once('-')?;
            let name = place.trim_end_matches(|c: char| c.is_ascii_digit());
            (is_letter(zone) && is_word(area) && is_word(name) && name.len() < place.len()).then_some(region)
        }
        ClusterType::Eks => {
            let region = zone.strip_suffix(|c: char| c.is_ascii_lowercase())?;
            let (place, number) = region.rsplit_once('-')?;
            (is_number(number) && place.contains('-') && place.split('-').all(is_word)).then_some(region)
        }
        ClusterType::Aks => {
            let region = zone.split_once('-').map_or(zone, |(region, _)| region);
            let number = zone.split_once('-').map(|(_, number)| number);
            let name = region.trim_end_matches(|c: char| c.is_ascii_digit());
            (is_word(name) && number.is_none_or(|number| matches!(number, "1" | "2" | "3"))).then_some(region)
        }
        ClusterType::Hub | ClusterType::Local | ClusterType::Existing => None,
    }
}

/// Price of one node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NodePrice {
    /// On demand, in USD per hour.
    pub on_demand: f64,
    /// As a spot node on the day of the list, in USD per hour, where the vendor publishes it.
    pub spot: Option<f64>,
}

/// Returns the price of a machine in a region.
#[must_use]
pub fn node(machine: &Machine, region: &str) -> Option<NodePrice> {
    let names = series(machine);
    names.iter().find_map(|name| {
        ROWS.iter().find_map(|row| match row {
            Row::Node { cloud, region: at, series, cpu, gib, spot }
                if *cloud == machine.cloud && *at == region && series == name =>
            {
                // Shared-core types of GKE are billed for their share; of the others that burst only memory counts.
                #[expect(clippy::cast_precision_loss, reason = "a few million MiB at most")]
                let memory = machine.memory_mib as f64 / 1024.0;
                let on_demand = cpu * machine.cpu + gib * memory;
                Some(NodePrice { on_demand, spot: spot.map(|share| on_demand * share) })
            }
            _ => None,
        })
    })
}

/// Returns the names by which the series of a machine may stand in the table, the narrowest first.
fn series(machine: &Machine) -> Vec<String> {
    let name = machine.name;
    match machine.cloud {
        ClusterType::Gke => {
            let parts: Vec<&str> = name.split('-').collect();
            parts
                .first()
                .map(|first| {
                    let narrow = parts.get(1).map(|second| format!("{first}-{second}"));
                    narrow.into_iter().chain([(*first).to_owned()]).collect()
                })
                .unwrap_or_default()
        }
        ClusterType::Eks => name.split_once('.').map(|(series, _)| series.to_owned()).into_iter().collect(),
        ClusterType::Aks => {
            let name = name.trim_start_matches("Standard_");
            let letters = name.find(|c: char| c.is_ascii_digit()).unwrap_or(name.len());
            let rest = name[letters..].trim_start_matches(|c: char| c.is_ascii_digit());
            vec![format!("{}*{rest}", &name[..letters])]
        }
        ClusterType::Hub | ClusterType::Local | ClusterType::Existing => Vec::new(),
    }
}

/// One thing that a run pays for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// The target it is for.
    pub target: String,
    /// What it is.
    pub what: String,
    /// Price of one, in USD per hour; none if it is not known.
    pub unit_usd: Option<f64>,
    /// How many.
    pub quantity: f64,
    /// Price of all of them, in USD per hour.
    pub hourly_usd: Option<f64>,
    /// The most that all of them can cost, in USD per hour: of spot nodes their price on demand.
    pub at_most_hourly_usd: Option<f64>,
    /// Price of all of them for the time that the run is expected to take, in USD.
    pub usd: Option<f64>,
}

impl Item {
    fn new(target: &Target, what: String, unit: Option<f64>, quantity: f64) -> Self {
        let hourly = unit.map(|unit| unit * quantity);
        Self {
            target: target.name.clone(),
            what,
            unit_usd: unit,
            quantity,
            hourly_usd: hourly,
            at_most_hourly_usd: hourly,
            usd: None,
        }
    }
}

/// What a target costs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rate {
    /// What is paid for.
    pub items: Vec<Item>,
    /// Why a price is not known, each with the field that makes it so.
    pub unknown: Vec<(String, String)>,
}

impl Rate {
    /// Returns USD per hour; none if any price is not known.
    #[must_use]
    pub fn hourly(&self) -> Option<f64> {
        self.items.iter().map(|item| item.hourly_usd).sum()
    }

    /// Returns the most that it can cost, in USD per hour.
    #[must_use]
    pub fn at_most_hourly(&self) -> Option<f64> {
        self.items.iter().map(|item| item.at_most_hourly_usd).sum()
    }
}

/// Returns what a target costs.
#[must_use]
pub fn rate(spec: &ExperimentSpec, target: &Target) -> Rate {
    let kind = target.cluster.kind;
    let free = |why: &str| Rate {
        items: vec![Item::new(target, why.to_owned(), Some(0.0), 1.0)],
        unknown: Vec::new(),
    };
    match kind {
        ClusterType::Hub => free("in the hub: no cluster is made"),
        ClusterType::Local => free("a cluster in pods of the hub"),
        ClusterType::Existing => free("a cluster that someone else pays for"),
        ClusterType::Gke | ClusterType::Eks | ClusterType::Aks => paid(spec, target),
    }
}

fn paid(spec: &ExperimentSpec, target: &Target) -> Rate {
    let (kind, shape) = (target.cluster.kind, Shape::of(&target.cluster));
    let mut rate = Rate::default();
    let name = shape.machine_type.unwrap_or_default();
    let zone = shape.zone.unwrap_or_default();
    let place = region(kind, zone).unwrap_or(zone);
    let count = f64::from(shape.node_count);

    let price = machine(name).filter(|machine| is_of(machine, kind)).and_then(|machine| node(machine, place));
    if price.is_none() {
        rate.unknown.push(("machineType".into(), format!("the price of {name} in {place} is not known")));
    }
    let spot = price.and_then(|price| price.spot);
    let what = match (shape.spot, spot) {
        (false, _) => format!("{name} in {zone}"),
        (true, Some(_)) => format!("{name} in {zone}, spot price of that day; at most on demand"),
        (true, None) => format!("{name} in {zone}, spot price varies: counted as on demand"),
    };
    let on_demand = price.map(|price| price.on_demand);
    let usd = if shape.spot { spot.or(on_demand) } else { on_demand };
    let mut nodes = Item::new(target, what, usd, count);
    let surplus = machine(name).map_or(0.0, surplus);
    nodes.at_most_hourly_usd = on_demand.map(|price| (price + surplus) * count);
    rate.items.push(nodes);

    for row in ROWS.iter() {
        if let Row::Plane { cloud, hourly, what } = row
            && *cloud == kind
        {
            rate.items.push(Item::new(target, format!("control plane: {what}"), Some(*hourly), 1.0));
        }
    }
    let size = f64::from(shape.disk_size_gb);
    let disk = disk(kind, place, size);
    if disk.is_none() {
        let what = format!("the price of a disk of {size} GB in {place} is not known");
        rate.unknown.push(("zone".into(), what));
    }
    let (what, hourly) = disk.map_or_else(|| ("of unknown price".to_owned(), None), |(w, p)| (w, Some(p)));
    rate.items.push(Item::new(target, format!("disk of {size} GB: {what}"), hourly, count));

    if kind == ClusterType::Aks && shape.spot {
        rate.items.extend(system_pool(target));
    }
    let balancers = match kind {
        // One of them is there in any case, for what leaves the cluster, and shows Services as well.
        ClusterType::Aks => 1,
        _ => shown_services(spec, target),
    };
    for row in ROWS.iter() {
        if let Row::Balancer { cloud, hourly, what } = row
            && *cloud == kind
            && balancers > 0
        {
            #[expect(clippy::cast_precision_loss, reason = "a few services")]
            let count = balancers as f64;
            rate.items.push(Item::new(target, format!("load balancer: {what}"), Some(*hourly), count));
        }
    }
    rate
}

/// Returns how many Services of a target are shown by load balancers of its cloud: those of its components that something
/// outside refers to, and those of a tutorial. One of a tutorial that has the name of such a component is taken to be its.
fn shown_services(spec: &ExperimentSpec, target: &Target) -> usize {
    let mut shown: BTreeSet<String> = run::reached_from_outside(spec, &target.name);
    let services = spec.tutorial.iter().flat_map(|tutorial| &tutorial.services);
    shown.extend(
        services.filter(|service| service.target == target.name).map(|service| service.service.clone()),
    );
    shown.len()
}

/// Returns what the node of AKS's own pods costs that a cluster with nodes of the spot market has beside them.
fn system_pool(target: &Target) -> Vec<Item> {
    let cluster = Cluster { kind: ClusterType::Aks, zone: target.cluster.zone.clone(), ..Cluster::default() };
    let shape = Shape::of(&cluster);
    let name = shape.machine_type.unwrap_or_default();
    let place = shape.zone.and_then(|zone| region(ClusterType::Aks, zone).or(Some(zone))).unwrap_or_default();
    let price = machine(name).and_then(|machine| node(machine, place)).map(|price| price.on_demand);
    let size = f64::from(shape.disk_size_gb);
    let disk = disk(ClusterType::Aks, place, size).map(|(_, hourly)| hourly);
    vec![
        Item::new(target, format!("{name} for the cluster's own pods, never of the spot market"), price, 1.0),
        Item::new(target, format!("disk of {size} GB of that node"), disk, 1.0),
    ]
}

/// Returns what a node costs more, in USD per hour, that uses all of its CPU all the time: AWS lets instances of T3 and T4g
/// burst without end, and asks for each vCPU above their baseline.
fn surplus(machine: &Machine) -> f64 {
    let is_of = |series: &str| machine.name.starts_with(series);
    let price = match machine.cloud {
        ClusterType::Eks if is_of("t4g.") => 0.04,
        ClusterType::Eks if is_of("t3.") || is_of("t3a.") => 0.05,
        _ => 0.0,
    };
    price * (machine.burst_cpu - machine.cpu).max(0.0)
}

/// Returns what a disk is and costs, in USD per hour.
fn disk(kind: ClusterType, place: &str, wanted: f64) -> Option<(String, f64)> {
    ROWS.iter().find_map(|row| match row {
        Row::Disk { cloud, region, monthly, what } if *cloud == kind && *region == place => {
            Some((what.clone(), monthly * wanted / MONTH))
        }
        Row::Tier { cloud, region, size, monthly, what }
            if *cloud == kind && *region == place && *size >= wanted =>
        {
            Some((format!("{what} of {size} GB"), monthly / MONTH))
        }
        _ => None,
    })
}

/// How long making and removing a cluster takes, as is typical of its kind; not measured here.
#[must_use]
pub fn typical(kind: ClusterType) -> (Duration, Duration) {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    match kind {
        ClusterType::Hub | ClusterType::Existing => (Duration::ZERO, Duration::ZERO),
        ClusterType::Local => (Duration::from_secs(10), Duration::from_secs(5)),
        ClusterType::Gke => (minutes(8), minutes(5)),
        ClusterType::Eks => (minutes(15), minutes(12)),
        ClusterType::Aks => (minutes(6), minutes(6)),
    }
}

/// Returns how long removing the slowest cluster of a run takes, as is typical.
#[must_use]
pub fn teardown(spec: &ExperimentSpec) -> Duration {
    spec.targets.iter().map(|target| typical(target.cluster.kind).1).max().unwrap_or_default()
}

/// How long a run has its clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lasting {
    /// Expected.
    pub expected: Duration,
    /// At most: until its time to live ends, and its clusters are removed.
    pub at_most: Duration,
}

/// Returns how long a run has its clusters.
#[must_use]
pub fn lasting(spec: &ExperimentSpec) -> Lasting {
    let ttl = Duration::from_secs(24 * 3600 * u64::from(spec.ttl_days));
    let removed = teardown(spec);
    let made = spec.targets.iter().map(|target| typical(target.cluster.kind).0).max().unwrap_or_default();
    let load = match Schedule::of(spec, 0) {
        Some(schedule) => schedule.time(),
        None if spec.workflow.completion.mode == CompletionMode::Manual => {
            return Lasting { expected: ttl + removed, at_most: ttl + removed };
        }
        None => WORKFLOW,
    };
    let expected = (made + DEPLOY + load + COLLECT).min(ttl) + removed;
    Lasting { expected, at_most: ttl + removed }
}

/// What a run is expected to cost, before anything is made.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    /// Expected, in USD; none if any price is not known.
    pub usd: Option<f64>,
    /// At most, in USD: everything lasts as long as the run may live, spot nodes at their price on demand.
    pub at_most_usd: Option<f64>,
    /// What all targets cost together, in USD per hour.
    pub hourly_usd: Option<f64>,
    /// The most that they can cost together, in USD per hour.
    pub at_most_hourly_usd: Option<f64>,
    /// How long the clusters are expected to last, in seconds.
    pub expected_seconds: f64,
    /// How long they last at most, in seconds.
    pub at_most_seconds: f64,
    /// Everything that is paid for.
    pub items: Vec<Item>,
    /// The lists the prices are from.
    pub lists: Vec<PriceList>,
    /// What the estimate takes for granted.
    pub assumptions: Vec<String>,
    /// Why the price is not known.
    pub unknown: Vec<String>,
}

impl Estimate {
    /// Returns whether anything is paid for at all.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.lists.is_empty()
    }

    /// Returns the day of the oldest list that was used.
    #[must_use]
    pub fn as_of(&self) -> Option<&'static str> {
        self.lists.iter().map(|list| list.as_of).min()
    }
}

/// Returns what a run is expected to cost.
#[must_use]
pub fn estimate(spec: &ExperimentSpec) -> Estimate {
    let lasting = lasting(spec);
    let hours = |duration: Duration| duration.as_secs_f64() / 3600.0;
    let mut estimate = Estimate {
        usd: None,
        at_most_usd: None,
        hourly_usd: None,
        at_most_hourly_usd: None,
        expected_seconds: lasting.expected.as_secs_f64(),
        at_most_seconds: lasting.at_most.as_secs_f64(),
        items: Vec::new(),
        lists: Vec::new(),
        assumptions: Vec::new(),
        unknown: Vec::new(),
    };
    for target in &spec.targets {
        let rate = rate(spec, target);
        estimate.items.extend(rate.items);
        estimate.unknown.extend(rate.unknown.into_iter().map(|(_, why)| format!("{}: {why}", target.name)));
        if let Some(list) = list(target.cluster.kind).filter(|list| !estimate.lists.contains(list)) {
            estimate.lists.push(list);
        }
    }
    for item in &mut estimate.items {
        item.usd = item.hourly_usd.map(|hourly| hourly * hours(lasting.expected));
    }
    estimate.hourly_usd = estimate.items.iter().map(|item| item.hourly_usd).sum();
    estimate.at_most_hourly_usd = estimate.items.iter().map(|item| item.at_most_hourly_usd).sum();
    estimate.usd = estimate.hourly_usd.map(|hourly| hourly * hours(lasting.expected));
    estimate.at_most_usd = estimate.at_most_hourly_usd.map(|hourly| hourly * hours(lasting.at_most));
    if !estimate.is_free() {
        estimate.assumptions = assumptions(spec);
    }
    estimate
}

fn assumptions(spec: &ExperimentSpec) -> Vec<String> {
    let mut said = vec![
        "list prices without tax, discounts, credits and free tiers".to_owned(),
        "not counted: traffic, public addresses, logs, and what components order themselves, such as volumes and load balancers, and one for a component that answers PromQL".to_owned(),
    ];
    let mut kinds: Vec<ClusterType> = spec.targets.iter().map(|target| target.cluster.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for kind in kinds.into_iter().filter(|kind| is_paid(*kind)) {
        let (made, removed) = typical(kind);
        said.push(format!(
            "{}: made in {} min and removed in {} min, as is typical",
            kind.as_str(),
            made.as_secs() / 60,
            removed.as_secs() / 60
        ));
    }
    if spec.trials.is_some() {
        said.push("no block is run again".to_owned());
    } else if spec.workflow.completion.mode == CompletionMode::Manual {
        said.push("it stays until its time to live ends".to_owned());
    } else {
        said.push("the workflow takes an hour, as nothing says how long it takes".to_owned());
    }
    said
}

/// When the cluster of a target was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime<'a> {
    /// The target.
    pub target: &'a str,
    /// When making it began.
    pub created: Timestamp,
    /// When it was gone.
    pub gone: Option<Timestamp>,
}

/// Returns the lifetimes of clusters that are in a status.
#[must_use]
pub fn lifetimes(status: &ExperimentStatus) -> Vec<Lifetime<'_>> {
    let lifetime = |target| -> Option<Lifetime<'_>> {
        let target: &testbed_api::status::TargetStatus = target;
        let created = target.cluster_created_at.as_ref()?.0;
        let gone = target.cluster_gone_at.as_ref().map(|gone| gone.0);
        Some(Lifetime { target: &target.name, created, gone })
    };
    status.targets.iter().filter_map(lifetime).collect()
}

/// Returns what the clusters of a run have cost until `now`, in USD; none if a price is not known.
#[must_use]
pub fn accrued(spec: &ExperimentSpec, lifetimes: &[Lifetime<'_>], now: Timestamp) -> Option<f64> {
    sum(spec, lifetimes, now, Rate::hourly)
}

/// Returns the most that they can have cost, in USD: spot nodes count at their price on demand.
#[must_use]
pub fn accrued_at_most(spec: &ExperimentSpec, lifetimes: &[Lifetime<'_>], now: Timestamp) -> Option<f64> {
    sum(spec, lifetimes, now, Rate::at_most_hourly)
}

fn sum(
    spec: &ExperimentSpec,
    lifetimes: &[Lifetime<'_>],
    now: Timestamp,
    hourly: impl Fn(&Rate) -> Option<f64>,
) -> Option<f64> {
    let of = |lifetime: &Lifetime<'_>| {
        let target = spec.targets.iter().find(|target| target.name == lifetime.target)?;
        let seconds = lifetime.gone.unwrap_or(now).duration_since(lifetime.created).as_secs_f64();
        Some(hourly(&rate(spec, target))? * seconds.max(0.0) / 3600.0)
    };
    lifetimes.iter().map(of).sum()
}

/// How a run stands to its budget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// The budget, in USD.
    pub budget: f64,
    /// What the run can have cost so far, in USD.
    pub accrued: f64,
    /// What it goes on costing, in USD per hour, at most.
    pub hourly: f64,
    /// What removing its clusters will cost, in USD.
    pub teardown: f64,
    /// Until when what is left of the budget lasts, with removal paid for; none if nothing goes on costing.
    pub until: Option<Timestamp>,
}

impl Standing {
    /// Returns whether the clusters can be kept so much longer, and then be removed, within the budget.
    #[must_use]
    pub fn allows(&self, longer: Duration) -> bool {
        self.accrued + self.hourly * longer.as_secs_f64() / 3600.0 + self.teardown <= self.budget
    }
}

/// Returns how a run stands to its budget; none if it has none, or nothing of it costs.
#[must_use]
pub fn standing(spec: &ExperimentSpec, lifetimes: &[Lifetime<'_>], now: Timestamp) -> Option<Standing> {
    let budget = spec.budget.as_ref()?.usd?;
    if !spec.targets.iter().any(|target| is_paid(target.cluster.kind)) {
        return None;
    }
    let accrued = accrued_at_most(spec, lifetimes, now)?;
    let living = |target: &&Target| {
        lifetimes.iter().any(|lifetime| lifetime.target == target.name && lifetime.gone.is_none())
    };
    let hourly: f64 = spec
        .targets
        .iter()
        .filter(living)
        .map(|target| rate(spec, target).at_most_hourly())
        .sum::<Option<f64>>()?;
    let teardown = hourly * teardown(spec).as_secs_f64() / 3600.0;
    let until = (hourly > 0.0).then(|| {
        let left = ((budget - accrued - teardown) / hourly * 3600.0).clamp(-YEAR, YEAR);
        // The same instant, to the second, whenever it is asked for: it stands in a message, and a message that changed
        // with every look would be looked at for ever. A cluster is made at a whole second, so that an instant may well
        // be a whole one, and must not fall on either side of it by an error of rounding.
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "seconds of this age"
        )]
        let second = (now.as_millisecond() as f64 / 1000.0 + left - 0.001).floor() as i64;
        Timestamp::from_second(second).unwrap_or(now)
    });
    Some(Standing { budget, accrued, hourly, teardown, until })
}

/// Rounds an amount for status: to a hundredth of a cent, upwards, so that what costs anything is never 0.
#[must_use]
pub fn rounded(usd: f64) -> f64 {
    (usd * 10_000.0 - 1e-6).max(0.0).ceil() / 10_000.0
}

/// Returns an amount as people read it, upwards to a cent.
#[must_use]
pub fn shown(usd: f64) -> String {
    format!("{:.2} {CURRENCY}", (usd * 100.0 - 1e-6).max(0.0).ceil() / 100.0)
}

/// Returns the part of a run's status that speaks of money, before anything is made.
#[must_use]
pub fn status(spec: &ExperimentSpec) -> CostStatus {
    let estimate = estimate(spec);
    CostStatus {
        currency: CURRENCY.into(),
        as_of: estimate.as_of().map(str::to_owned),
        hourly_usd: estimate.hourly_usd.map(rounded),
        estimate_usd: estimate.usd.map(rounded),
        at_most_usd: estimate.at_most_usd.map(rounded),
        running_usd: None,
        counted_at: None,
        final_usd: None,
        unknown: estimate.unknown,
    }
}

#[cfg(test)]
mod tests;
