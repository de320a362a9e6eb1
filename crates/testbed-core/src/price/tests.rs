use super::*;
use jiff::SignedDuration;
use proptest::prelude::*;
use rstest::rstest;
use testbed_api::experiment::Cluster;
use testbed_api::trials::{Budget, Trials, Variant};

fn target(name: &str, kind: ClusterType) -> Target {
    Target { name: name.into(), cluster: Cluster { kind, ..Cluster::default() }, ..Target::default() }
}

fn spec(targets: Vec<Target>) -> ExperimentSpec {
    ExperimentSpec { targets, ttl_days: 1, ..ExperimentSpec::default() }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn every_line_of_the_table_is_read() {
    for row in crate::machines::rows(TABLE) {
        assert!(read(&row).is_some(), "{row:?}");
    }
}

#[test]
fn every_cloud_has_a_list_and_a_price_for_what_is_made_when_nothing_is_said() {
    for kind in [ClusterType::Gke, ClusterType::Eks, ClusterType::Aks] {
        assert!(list(kind).unwrap().as_of.parse::<jiff::civil::Date>().is_ok());
        let rate = rate(&spec(Vec::new()), &target("app", kind));
        assert_eq!(rate.unknown, []);
        assert!(rate.hourly().unwrap() > 0.0, "{kind:?}");
    }
}

#[test]
fn every_series_with_a_price_is_one_of_a_machine_type() {
    let known: Vec<String> = [ClusterType::Gke, ClusterType::Eks, ClusterType::Aks]
        .into_iter()
        .flat_map(crate::machines::names)
        .flat_map(|name| series(machine(name).unwrap()))
        .collect();
    for row in ROWS.iter() {
        if let Row::Node { series, .. } = row {
            assert!(known.iter().any(|known| known == series), "{series}");
        }
    }
}

/// Prices of single types as they were read, or of n1 and n2 as the original had them: finds slips in the table.
#[rstest]
#[case("us-central1", "e2-medium", 0.0335)]
#[case("us-central1", "e2-small", 0.016_75)]
#[case("us-central1", "e2-standard-4", 0.1340)]
#[case("us-central1", "n1-standard-1", 0.0475)]
#[case("us-central1", "n2-standard-8", 0.3885)]
#[case("us-central1", "n2d-standard-4", 0.168_984)]
#[case("us-central1", "c3-standard-22", 1.108_844)]
#[case("europe-west1", "e2-medium", 0.0369)]
#[case("us-east-1", "t3.medium", 0.0416)]
#[case("us-east-1", "t3.2xlarge", 0.3328)]
#[case("us-east-1", "m7i.large", 0.1008)]
#[case("us-east-1", "c5.9xlarge", 1.53)]
#[case("us-east-1", "r6g.medium", 0.0504)]
#[case("eastus", "Standard_B2s", 0.0416)]
#[case("eastus", "Standard_D8s_v5", 0.384)]
#[case("westeurope", "Standard_D48as_v5", 2.496)]
fn a_machine_costs_what_was_read(#[case] region: &str, #[case] name: &str, #[case] usd: f64) {
    let found = node(machine(name).unwrap(), region).unwrap().on_demand;
    assert!((found / usd - 1.0).abs() < 0.002, "{name} in {region}: {found}, not {usd}");
}

#[test]
fn what_is_not_listed_is_unknown_and_neither_guessed_nor_free() {
    assert_eq!(node(machine("e2-medium").unwrap(), "africa-south1"), None);
    assert_eq!(node(machine("n4-standard-2").unwrap(), "us-central1"), None);
    let mut far = target("app", ClusterType::Gke);
    far.cluster.zone = Some("africa-south1-a".into());
    let estimate = estimate(&spec(vec![far, target("load", ClusterType::Hub)]));
    assert_eq!((estimate.usd, estimate.at_most_usd, estimate.hourly_usd), (None, None, None));
    assert_eq!(
        estimate.unknown,
        [
            "app: the price of e2-medium in africa-south1 is not known",
            "app: the price of a disk of 50 GB in africa-south1 is not known"
        ]
    );
}

#[test]
fn clusters_that_nobody_pays_for_cost_nothing_and_say_why() {
    let free = spec(vec![
        target("a", ClusterType::Hub),
        target("b", ClusterType::Local),
        target("c", ClusterType::Existing),
    ]);
    let estimate = estimate(&free);
    assert!(estimate.is_free());
    assert_eq!((estimate.usd, estimate.at_most_usd), (Some(0.0), Some(0.0)));
    let said: Vec<&str> = estimate.items.iter().map(|item| item.what.as_str()).collect();
    assert_eq!(
        said,
        [
            "in the hub: no cluster is made",
            "a cluster in pods of the hub",
            "a cluster that someone else pays for"
        ]
    );
}

#[test]
fn a_spot_node_is_expected_at_the_published_price_and_bounded_by_the_one_on_demand() {
    let mut spot = target("app", ClusterType::Gke);
    spot.cluster.preemptible = true;
    let rate_of = |target: &Target| rate(&spec(Vec::new()), target);
    let rate_spot = rate_of(&spot);
    let on_demand = rate_of(&target("app", ClusterType::Gke));
    assert!(rate_spot.hourly() < on_demand.hourly());
    assert_eq!(rate_spot.at_most_hourly(), on_demand.at_most_hourly());
    spot.cluster.kind = ClusterType::Eks;
    spot.cluster.machine_type = Some("m5.large".into());
    let rate_spot = rate_of(&spot);
    assert_eq!(rate_spot.hourly(), rate_spot.at_most_hourly());
    assert_eq!(rate_spot.items[0].what, "m5.large in us-east-1a, spot price varies: counted as on demand");
}

#[test]
fn what_bursts_above_its_baseline_is_paid_for_at_most_for_all_of_it() {
    let rate = rate(&spec(Vec::new()), &target("app", ClusterType::Eks));
    // A t3.medium has two vCPUs, each a fifth of the time.
    let surplus = rate.at_most_hourly().unwrap() - rate.hourly().unwrap();
    assert!((surplus - 0.05 * 1.6).abs() < 1e-9, "{surplus}");
}

#[test]
fn spot_nodes_of_aks_have_a_node_of_the_clusters_own_beside_them() {
    let mut spot = target("app", ClusterType::Aks);
    spot.cluster.preemptible = true;
    let said: Vec<String> = rate(&spec(Vec::new()), &spot).items.into_iter().map(|item| item.what).collect();
    assert!(
        said.iter().any(|what| what == "Standard_B2s for the cluster's own pods, never of the spot market")
    );
    assert_eq!(said.iter().filter(|what| what.starts_with("disk of 50 GB")).count(), 2, "{said:?}");
}

#[test]
fn a_load_balancer_is_counted_for_each_service_that_the_lab_shows_to_the_outside() {
    let mut spec = spec(vec![target("app", ClusterType::Gke), target("load", ClusterType::Eks)]);
    let of = |spec: &ExperimentSpec, index: usize| -> f64 {
        let items = rate(spec, &spec.targets[index]).items;
        items.iter().filter(|item| item.what.starts_with("load balancer")).map(|item| item.quantity).sum()
    };
    assert!(of(&spec, 0) < 0.5, "nothing is shown");
    let url = "${targets.app.web.endpoint}/ ${targets.app.store.address}";
    spec.workflow.params = [("url".to_owned(), url.to_owned())].into();
    assert!((of(&spec, 0) - 2.0).abs() < 0.5 && of(&spec, 1) < 0.5);
    spec.tutorial = serde_json::from_value(serde_json::json!({
        "services": [{"name": "Web", "target": "app", "service": "web", "namespace": "n"}, {"name": "UI", "target": "app", "service": "ui", "namespace": "n"}],
    }))
    .unwrap();
    assert!((of(&spec, 0) - 3.0).abs() < 0.5, "web was counted already");
    spec.targets[0].cluster.kind = ClusterType::Aks;
    assert!((of(&spec, 0) - 1.0).abs() < 0.5, "one shows them all");
}

#[rstest]
#[case(ClusterType::Gke, "us-central1-a", Some("us-central1"))]
#[case(ClusterType::Gke, "northamerica-northeast1-b", Some("northamerica-northeast1"))]
#[case(ClusterType::Gke, "us-central1", None)]
#[case(ClusterType::Gke, "us-central1-a; rm", None)]
#[case(ClusterType::Eks, "us-east-1a", Some("us-east-1"))]
#[case(ClusterType::Eks, "us-gov-west-1b", Some("us-gov-west-1"))]
#[case(ClusterType::Eks, "us-east-1", None)]
#[case(ClusterType::Eks, "us-central1-a", None)]
#[case(ClusterType::Aks, "eastus", Some("eastus"))]
#[case(ClusterType::Aks, "westus2-3", Some("westus2"))]
#[case(ClusterType::Aks, "us-east-1a", None)]
#[case(ClusterType::Local, "eastus", None)]
fn a_zone_is_read_as_its_cloud_writes_it(
    #[case] kind: ClusterType,
    #[case] zone: &str,
    #[case] expected: Option<&str>,
) {
    assert_eq!(region(kind, zone), expected);
}

#[test]
fn a_run_lasts_as_long_as_its_trials_and_at_most_as_long_as_it_may_live() {
    let mut run = spec(vec![target("app", ClusterType::Gke)]);
    run.trials = Some(Trials::default());
    run.variants = vec![Variant { name: "app".into(), ..Variant::default() }];
    let lasting_run = lasting(&run);
    // 8 min to make, 5 to deploy, 10 trials of 50 s, 1 to collect, 5 to remove.
    assert_eq!(lasting_run.expected.as_secs(), (8 + 5 + 1 + 5) * 60 + 10 * 50);
    assert_eq!(lasting_run.at_most.as_secs(), 24 * 3600 + 5 * 60);
    run.trials = None;
    run.workflow.completion.mode = CompletionMode::Manual;
    assert_eq!(lasting(&run).expected, lasting(&run).at_most);
}

#[test]
fn what_has_accrued_counts_each_cluster_from_its_making_to_its_end() {
    let run = spec(vec![target("a", ClusterType::Gke), target("b", ClusterType::Gke)]);
    let hourly = rate(&run, &run.targets[0]).hourly().unwrap();
    let created = at("2026-01-01T00:00:00Z");
    let lifetimes = [
        Lifetime { target: "a", created, gone: Some(at("2026-01-01T01:00:00Z")) },
        Lifetime { target: "b", created, gone: None },
    ];
    let found = accrued(&run, &lifetimes, at("2026-01-01T03:00:00Z")).unwrap();
    assert!((found - 4.0 * hourly).abs() < 1e-9);
    assert_eq!(accrued(&run, &[], created), Some(0.0));
    let stranger = [Lifetime { target: "c", created, gone: None }];
    assert_eq!(accrued(&run, &stranger, created), None);
}

#[test]
fn the_budget_lasts_until_only_removal_can_be_paid() {
    let mut run = spec(vec![target("a", ClusterType::Gke)]);
    run.budget = Some(Budget { usd: Some(1.0), duration: None });
    let created = at("2026-01-01T00:00:00Z");
    let lifetimes = [Lifetime { target: "a", created, gone: None }];
    let standing_at = |now| standing(&run, &lifetimes, now).unwrap();
    let start = standing_at(created);
    let until = start.until.unwrap();
    assert_eq!(
        standing_at(at("2026-01-01T01:00:00Z"))
            .until
            .map(|t| t.as_second() - until.as_second())
            .map(i64::abs),
        Some(0)
    );
    assert!(standing_at(until).allows(Duration::ZERO));
    assert!(!standing_at(until).allows(Duration::from_secs(2)));
    assert!(standing(&spec(vec![target("a", ClusterType::Gke)]), &lifetimes, created).is_none());
}

#[test]
fn what_costs_anything_is_never_shown_as_nothing() {
    assert_eq!((rounded(0.0), rounded(0.000_01), rounded(0.12)), (0.0, 0.0001, 0.12));
    assert_eq!(
        (shown(0.0), shown(0.001), shown(1.0)),
        ("0.00 USD".into(), "0.01 USD".into(), "1.00 USD".into())
    );
}

proptest! {
    #[test]
    fn cost_grows_with_time_and_stays_below_its_bound(hours in 0_i64..1000, more in 0_i64..1000, spot: bool) {
        let mut only = target("a", ClusterType::Gke);
        only.cluster.preemptible = spot;
        let run = spec(vec![only]);
        let created = at("2026-01-01T00:00:00Z");
        let lifetimes = [Lifetime { target: "a", created, gone: None }];
        let after = |hours| created + SignedDuration::from_hours(hours);
        let first = accrued(&run, &lifetimes, after(hours)).unwrap();
        let second = accrued(&run, &lifetimes, after(hours + more)).unwrap();
        prop_assert!(first <= second);
        prop_assert!(second <= accrued_at_most(&run, &lifetimes, after(hours + more)).unwrap() + 1e-9);
    }
}
