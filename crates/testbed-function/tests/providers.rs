//! What is asked of the clouds, held against the published schemas that the providers are generated from.
//!
//! A managed resource of Upbound's providers is generated from the Terraform resource of the same name: each argument
//! becomes a field of `forProvider`, one that names another object gets a `Ref` beside it, and the name goes. The
//! providers themselves are not to be had as a package, but the schemas are: Terraform's bindings on npm. This test
//! fetches them once, and says loudly what it did not check if it cannot.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
};

use common::World;
use serde_json::{Value, json};

/// Package, version, and kinds: the folder of each and the name of its interface.
type Published = (&'static str, &'static str, &'static [(&'static str, &'static str, &'static str)]);

const GOOGLE: Published = (
    "@cdktf/provider-google",
    "16.12.1",
    &[
        ("Network", "compute-network", "ComputeNetwork"),
        ("Subnetwork", "compute-subnetwork", "ComputeSubnetwork"),
        ("Cluster", "container-cluster", "ContainerCluster"),
        ("NodePool", "container-node-pool", "ContainerNodePool"),
    ],
);
const AMAZON: Published = (
    "@cdktf/provider-aws",
    "21.22.1",
    &[
        ("VPC", "vpc", "Vpc"),
        ("InternetGateway", "internet-gateway", "InternetGateway"),
        ("RouteTable", "route-table", "RouteTable"),
        ("Route", "route", "Route"),
        ("RouteTableAssociation", "route-table-association", "RouteTableAssociation"),
        ("Subnet", "subnet", "Subnet"),
        ("Role", "iam-role", "IamRole"),
        ("RolePolicyAttachment", "iam-role-policy-attachment", "IamRolePolicyAttachment"),
        ("Cluster", "eks-cluster", "EksCluster"),
        ("NodeGroup", "eks-node-group", "EksNodeGroup"),
    ],
);
const MICROSOFT: Published = (
    "@cdktf/provider-azurerm",
    "14.23.1",
    &[
        ("ResourceGroup", "resource-group", "ResourceGroup"),
        ("KubernetesCluster", "kubernetes-cluster", "KubernetesCluster"),
        ("KubernetesClusterNodePool", "kubernetes-cluster-node-pool", "KubernetesClusterNodePool"),
    ],
);
/// Kinds that providers add by themselves.
const OWN: &[&str] = &["ClusterAuth"];

#[test]
fn google_knows_every_field() {
    let full = json!({"type": "gke", "spot": true, "version": "1.35"});
    check(&GOOGLE, &[json!({"type": "gke"}), full]);
}

#[test]
fn amazon_knows_every_field() {
    let full = json!({"type": "eks", "spot": true, "version": "1.35"});
    check(&AMAZON, &[json!({"type": "eks"}), full]);
}

#[test]
fn microsoft_knows_every_field() {
    let full = json!({"type": "aks", "spot": true, "version": "1.35", "zone": "eastus-1"});
    check(&MICROSOFT, &[json!({"type": "aks"}), full]);
}

fn check((package, version, kinds): &Published, specs: &[Value]) {
    let texts = match fetch(package, version, kinds) {
        Ok(texts) => texts,
        Err(why) => {
            // Not by a macro: what those print is hidden when a test passes.
            let line = format!("\nNOT CHECKED against {package} {version}: {why}\n\n");
            io::stderr().write_all(line.as_bytes()).unwrap();
            return;
        }
    };
    let mut wrong = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for spec in specs {
        let mut world = World::new("alpha", spec.clone());
        for (name, wanted) in world.settle().resources {
            let kind = wanted.object["kind"].as_str().unwrap().to_owned();
            if OWN.contains(&kind.as_str()) {
                continue;
            }
            let (_, folder, interface) =
                kinds.iter().find(|(known, ..)| *known == kind).unwrap_or_else(|| panic!("{kind} of {name}"));
            let schema = Schema(interfaces(&texts[*folder]));
            schema.object(
                &format!("{interface}Config"),
                &wanted.object["spec"]["forProvider"],
                &kind,
                &mut wrong,
            );
            seen.insert(kind);
        }
    }
    assert_eq!(seen.len(), kinds.len(), "every kind was seen: {seen:?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Interfaces by name.
struct Schema(BTreeMap<String, Fields>);

/// Whether a field is required, and its type.
type Fields = BTreeMap<String, (bool, String)>;

impl Schema {
    fn object(&self, interface: &str, value: &Value, at: &str, wrong: &mut BTreeSet<String>) {
        let Some(fields) = self.0.get(interface) else {
            wrong.insert(format!("{at}: no interface {interface}"));
            return;
        };
        let mut given = BTreeSet::new();
        for (key, value) in value.as_object().unwrap() {
            let at = format!("{at}.{key}");
            let argument = argument(key);
            given.insert(argument.clone());
            match fields.get(&argument) {
                None => _ = wrong.insert(format!("{at}: no argument {argument} in {interface}")),
                // A reference is checked by its being there.
                Some(_) if argument != *key => {}
                Some((_, kind)) => self.value(kind, value, &at, wrong),
            }
        }
        for (name, (required, _)) in fields {
            if *required && !given.contains(name) && name != "name" {
                wrong.insert(format!("{at}: {name} is required"));
            }
        }
    }

    fn value(&self, kind: &str, value: &Value, at: &str, wrong: &mut BTreeSet<String>) {
        let kind = kind.split(" | ").next().unwrap_or_default();
        let fits = match kind {
            "string" => value.is_string(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "string[]" => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
            _ if kind.starts_with('{') => {
                value.as_object().is_some_and(|map| map.values().all(Value::is_string))
            }
            _ => {
                let interface = kind.trim_end_matches("[]");
                // A block of which there is one is an object here and there; others are lists in both.
                for one in value.as_array().map_or_else(|| vec![value], |list| list.iter().collect()) {
                    self.object(interface, one, at, wrong);
                }
                true
            }
        };
        if !fits {
            wrong.insert(format!("{at}: {value} is no {kind}"));
        }
    }
}

/// The argument a field is generated from.
fn argument(field: &str) -> String {
    match (field.strip_suffix("Refs"), field.strip_suffix("Ref")) {
        (Some(one), _) => format!("{one}s"),
        (_, Some(name)) => name.to_owned(),
        _ => field.to_owned(),
    }
}

/// Reads `readonly name?: type;` out of interfaces.
fn interfaces(text: &str) -> BTreeMap<String, Fields> {
    let mut found = BTreeMap::new();
    let mut current: Option<(String, Fields)> = None;
    let mut open: Option<String> = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("export interface ") {
            let name = rest.split([' ', '{']).next().unwrap_or_default();
            current = Some((name.to_owned(), BTreeMap::new()));
        } else if line == "}" {
            found.extend(current.take());
        } else if let Some((_, fields)) = &mut current {
            let line = line.trim();
            // A map is written over three lines.
            let whole = match (&mut open, line.strip_prefix("readonly ")) {
                (Some(begun), _) => {
                    begun.push_str(line);
                    if !line.starts_with('}') {
                        continue;
                    }
                    open.take().unwrap_or_default()
                }
                (None, Some(field)) if field.ends_with('{') => {
                    open = Some(field.to_owned());
                    continue;
                }
                (None, Some(field)) => field.to_owned(),
                (None, None) => continue,
            };
            if let Some((name, kind)) = whole.trim_end_matches(';').split_once(": ") {
                let required = !name.ends_with('?');
                fields.insert(name.trim_end_matches('?').to_owned(), (required, kind.to_owned()));
            }
        }
    }
    found
}

/// The interfaces of each kind's folder, from the package, which is fetched once.
fn fetch(
    package: &str,
    version: &str,
    kinds: &[(&str, &str, &str)],
) -> Result<BTreeMap<String, String>, String> {
    let cache =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{version}", package.replace('/', "-")));
    let path = |folder: &str| cache.join(format!("{folder}.d.ts"));
    if !kinds.iter().all(|(_, folder, _)| path(folder).is_file()) {
        unpack(&pack(package, version, &cache)?, &path)?;
    }
    let read = |folder: &str| fs::read_to_string(path(folder)).map_err(|error| error.to_string());
    kinds.iter().map(|(_, folder, _)| Ok(((*folder).to_owned(), read(folder)?))).collect()
}

fn pack(package: &str, version: &str, into: &Path) -> Result<PathBuf, String> {
    fs::create_dir_all(into).map_err(|error| error.to_string())?;
    let mut npm = Command::new("npm");
    npm.args(["pack", "--silent", &format!("{package}@{version}")]).current_dir(into);
    let output = npm.output().map_err(|error| format!("npm does not run: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    Ok(into.join(String::from_utf8_lossy(&output.stdout).trim()))
}

/// Keeps of an archive of 30 MB the interfaces, a folder's in one file each.
fn unpack(archive: &Path, path: &impl Fn(&str) -> PathBuf) -> Result<(), String> {
    let file = fs::File::open(archive).map_err(|error| error.to_string())?;
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    let mut entries = tar::Archive::new(flate2::read::GzDecoder::new(file));
    for entry in entries.entries().map_err(|error| error.to_string())? {
        let mut entry = entry.map_err(|error| error.to_string())?;
        let name = entry.path().map_err(|error| error.to_string())?.display().to_string();
        if let Some(rest) = name.strip_prefix("package/lib/").filter(|name| name.ends_with(".d.ts"))
            && let Some((folder, _)) = rest.split_once('/')
        {
            let text = texts.entry(folder.to_owned()).or_default();
            io::Read::read_to_string(&mut entry, text).map_err(|error| error.to_string())?;
        }
    }
    for (folder, text) in texts {
        fs::write(path(&folder), text).map_err(|error| error.to_string())?;
    }
    fs::remove_file(archive).map_err(|error| error.to_string())
}

#[test]
fn interfaces_are_read() {
    let text = "export interface A extends B {\n    /**\n    * words: more\n    */\n    readonly one: string;\n    \
                readonly two?: {\n        [key: string]: string;\n    };\n    readonly three?: C[] | cdktf.IResolvable;\n}\n";
    let found = &interfaces(text)["A"];
    assert_eq!(found["one"], (true, "string".into()));
    assert!(!found["two"].0 && found["two"].1.starts_with('{'));
    assert_eq!(found["three"].1, "C[] | cdktf.IResolvable");
}
