//! Container images without Docker: a layer around static binaries, a userland of Debian packages, or both.
//!
//! An image is written straight into the import of containerd. Its layer is not compressed: it goes from one folder
//! of a machine to another, where compressing costs seconds and saves nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use oci_spec::image::{
    Arch, ConfigBuilder, Descriptor, DescriptorBuilder, Digest as OciDigest, ImageConfigurationBuilder,
    ImageIndexBuilder, ImageManifestBuilder, MediaType, OciLayoutBuilder, Os, RootFsBuilder, SCHEMA_VERSION,
    Sha256Digest,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    files::{self, FileError},
    layout::{Layout, NONROOT},
    parts::Built,
};

/// Changes when images are put together differently, so that all are made anew.
const FORMAT: &str = "1";
/// Where the machine keeps the certificates of public authorities.
const CA_BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";
/// The one platform the hub runs on is the one it is built on.
const TAR_BLOCK: u64 = 512;

/// Images could not be described or written.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The recipes are not what they should be.
    #[error("`{}` is not a list of images", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: Box<serde_saphyr::Error>,
    },
    /// A recipe names what is not there.
    #[error("image `{image}` needs part `{part}`, which `hub/parts.yaml` does not have")]
    NoPart {
        /// The image.
        image: String,
        /// The part.
        part: String,
    },
    /// A recipe names an image that is not there.
    #[error("image `{image}` needs image `{other}`, which cannot be made")]
    NoImage {
        /// The image.
        image: String,
        /// The image it needs.
        other: String,
    },
    /// An image is asked for that no recipe is for.
    #[error("no image is named `{name}`\n\nhint: these are made on demand: {}", known.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// Images that are made on demand.
        known: Vec<String>,
    },
    /// The image could not be written.
    #[error("cannot write image `{image}`")]
    Write {
        /// The image.
        image: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The file `hub/images.yaml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Images {
    /// Images by name.
    pub images: BTreeMap<String, Recipe>,
    /// What is installed on the hub, in order.
    pub addons: Vec<Addon>,
}

/// Something installed on the hub: manifests, and with them the images they name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Addon {
    /// Name; its manifests are `hub/manifests/<name>.yaml`.
    pub name: String,
    /// Namespace of what `files` hold and say none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Folders or files of parts that are applied first, such as `argo-cd/crds`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Folders of the project with manifests that are applied first, if they are there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub project_files: Vec<PathBuf>,
}

/// What an image is made of.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Part to the binaries of it that go into `/bin`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bin: BTreeMap<String, Vec<String>>,
    /// Name in `/bin` to what it is a symbolic link to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub links: BTreeMap<String, String>,
    /// Part to the files of it that go below `/`: source to target.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, BTreeMap<PathBuf, PathBuf>>,
    /// Files of this project that go below `/`: source to target.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub project_files: BTreeMap<PathBuf, PathBuf>,
    /// A part that is a userland and is taken whole; what else there is lies in further layers, binaries of it in
    /// `/usr/local/bin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userland: Option<String>,
    /// A static binary of this project, which lies beside the running executable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<String>,
    /// Images that lie inside as archives, `/images/<name>.tar`, ready to be imported.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carries: Vec<String>,
    /// Images whose references it knows, as those of the carried ones, from `/images/references.json`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub knows: Vec<String>,
    /// Program and first arguments; an image without runs nothing, and holds only what it is told to hold.
    #[serde(default)]
    pub entrypoint: Vec<String>,
    /// User and group; 65532, which is nobody in particular, unless it says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<u32>,
    /// Environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Whether it is made only if someone asks for it, or its parts are built already: few need it, and it takes long.
    // Not written, for what is written goes into the image's key: when it is made changes nothing in it.
    #[serde(default, skip_serializing)]
    pub on_demand: bool,
}

impl Images {
    /// Reads `hub/images.yaml`.
    ///
    /// # Errors
    /// If it cannot be read or is not what it should be.
    pub fn read(layout: &Layout) -> Result<Self, ImageError> {
        let path = layout.hub().join("images.yaml");
        let text = fs::read_to_string(&path).map_err(files::at("read", &path))?;
        serde_saphyr::from_str(&text).map_err(|source| ImageError::Parse { path, source: Box::new(source) })
    }

    /// Returns the names of those that are made on demand.
    #[must_use]
    pub fn on_demand(&self) -> Vec<String> {
        let found = self.images.iter().filter(|(_, recipe)| recipe.on_demand);
        found.map(|(name, _)| name.clone()).collect()
    }

    /// Takes out the images that are made on demand, that nobody asked for and that are not built already. Returns them,
    /// and the parts that only they are made of.
    ///
    /// # Errors
    /// If an image is asked for that there is no recipe for.
    pub fn leave_out(
        &mut self,
        asked: &[String],
        built: &BTreeMap<String, Built>,
    ) -> Result<LeftOut, ImageError> {
        if let Some(name) = asked.iter().find(|name| !self.images.contains_key(*name)) {
            return Err(ImageError::Unknown { name: name.clone(), known: self.on_demand() });
        }
        let is_built =
            |recipe: &Recipe| recipe.parts().iter().all(|part| built.get(*part).is_some_and(Built::exists));
        let is_left =
            |name: &String, recipe: &Recipe| recipe.on_demand && !asked.contains(name) && !is_built(recipe);
        let all = std::mem::take(&mut self.images);
        let (left, kept): (BTreeMap<_, _>, _) =
            all.into_iter().partition(|(name, recipe)| is_left(name, recipe));
        self.images = kept;
        // Binaries of the machine itself and files of an add-on are in no image, so only what was taken out counts.
        let mut parts: BTreeSet<String> = left.values().flat_map(Recipe::parts).map(Into::into).collect();
        parts.retain(|part| {
            let of_image = self.images.values().any(|recipe| recipe.parts().contains(&part.as_str()));
            let of_addon = self
                .addons
                .iter()
                .any(|addon| addon.files.iter().any(|file| file.split('/').next() == Some(part)));
            !of_image && !of_addon
        });
        Ok(LeftOut { images: left.into_keys().collect(), parts })
    }
}

/// What is not made, for nobody asked for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Images.
    pub images: Vec<String>,
    /// Parts that only these are made of.
    pub parts: BTreeSet<String>,
}

impl Recipe {
    /// Whether it needs other images.
    #[must_use]
    pub fn is_outer(&self) -> bool {
        !self.carries.is_empty() || !self.knows.is_empty()
    }

    /// Parts it is made of.
    #[must_use]
    pub fn parts(&self) -> Vec<&str> {
        self.bin.keys().chain(self.files.keys()).chain(&self.userland).map(String::as_str).collect()
    }
}

/// An image that can be written: a recipe with the places of everything in it.
#[derive(Debug, Clone)]
pub struct Image {
    /// Name in `hub/images.yaml`.
    pub name: String,
    /// The reference manifests use, which changes with the content.
    pub reference: String,
    /// Parts it is made of.
    pub parts: Vec<String>,
    recipe: Recipe,
    layers: Vec<Layer>,
}

/// One layer.
#[derive(Debug, Clone)]
enum Layer {
    /// An archive that is there.
    Whole(PathBuf),
    /// Put together from these.
    Sources(Vec<Source>),
}

/// Something in a layer.
#[derive(Debug, Clone)]
enum Source {
    /// An empty folder.
    Folder { to: PathBuf, mode: u32 },
    /// A file from the machine, executable or not.
    File { from: PathBuf, to: PathBuf, mode: u32 },
    /// A file with this content.
    Text { to: PathBuf, content: String },
    /// A symbolic link.
    Link { to: PathBuf, target: String },
    /// A small image, as an archive.
    Archive { image: Box<Image>, to: PathBuf },
}

/// What images are made from besides parts.
#[derive(Debug, Clone, Copy)]
pub struct Origins<'a> {
    /// The project.
    pub root: &'a Path,
    /// Folders with our own binaries.
    pub own: &'a [PathBuf],
    /// Images that were put together before.
    pub images: &'a BTreeMap<String, Image>,
}

impl Image {
    /// Puts a recipe together; returns nothing for one of our own binaries that is in none of the folders, or not as
    /// a static one.
    ///
    /// # Errors
    /// If the recipe names a part, a file or an image that does not exist, or our own binary cannot be read.
    pub fn new(
        name: &str,
        recipe: &Recipe,
        parts: &BTreeMap<String, Built>,
        origins: Origins<'_>,
    ) -> Result<Option<Self>, ImageError> {
        let part = |part: &str| {
            parts.get(part).ok_or_else(|| ImageError::NoPart { image: name.into(), part: part.into() })
        };
        let mut key = Sha256::new();
        files::feed(&mut key, FORMAT);
        files::feed(&mut key, serde_json::to_vec(recipe).unwrap_or_default());
        for part_name in recipe.parts() {
            files::feed(&mut key, &part(part_name)?.key);
        }

        // A folder `bin` in a layer would hide a link of that name in the userland.
        let bin = Path::new(if recipe.userland.is_some() { "usr/local/bin" } else { "bin" });
        let mut sources =
            if recipe.entrypoint.is_empty() { Vec::new() } else { base(recipe.userland.is_none()) };
        for (part_name, binaries) in &recipe.bin {
            let built = part(part_name)?;
            for binary in binaries {
                sources.push(Source::File { from: built.bin(binary), to: bin.join(binary), mode: 0o755 });
            }
        }
        let mut own = Vec::new();
        if let Some(binary) = &recipe.own {
            let Some((from, content)) = find_static(origins.own, binary)? else { return Ok(None) };
            files::feed(&mut key, content);
            own.push(Source::File { from, to: bin.join(binary), mode: 0o755 });
        }
        let apart = recipe.userland.is_some();
        if !apart {
            sources.append(&mut own);
        }
        for (link, target) in &recipe.links {
            sources.push(Source::Link { to: bin.join(link), target: target.clone() });
        }
        for (part_name, list) in &recipe.files {
            let folder = part(part_name)?.folder.join("files");
            for (from, to) in list {
                sources.push(Source::File { from: folder.join(from), to: to.clone(), mode: 0o644 });
            }
        }
        for (from, to) in &recipe.project_files {
            let from = origins.root.join(from);
            files::feed(&mut key, fs::read(&from).map_err(files::at("read", &from))?);
            sources.push(Source::File { from, to: to.clone(), mode: 0o644 });
        }
        let mut needed: Vec<String> = recipe.parts().into_iter().map(Into::into).collect();
        let mut references = BTreeMap::new();
        for other in recipe.carries.iter().chain(&recipe.knows) {
            let Some(image) = origins.images.get(other) else {
                return Err(ImageError::NoImage { image: name.into(), other: other.clone() });
            };
            files::feed(&mut key, &image.reference);
            references.insert(other.as_str(), image.reference.as_str());
            if recipe.carries.contains(other) {
                needed.extend(image.parts.iter().cloned());
                let to = Path::new("images").join(format!("{other}.tar"));
                sources.push(Source::Archive { image: Box::new(image.clone()), to });
            }
        }
        if recipe.is_outer() {
            let content = serde_json::to_string(&references).unwrap_or_default();
            // Beside our own binary, which changes as often.
            own.push(Source::Text { to: "images/references.json".into(), content });
        }
        let mut layers = Vec::new();
        if let Some(userland) = &recipe.userland {
            layers.push(Layer::Whole(part(userland)?.folder.join("rootfs.tar")));
        }
        // What changes often comes last, and alone: containerd has the layers below it already.
        let alone = recipe.bin.is_empty() && recipe.files.is_empty() && recipe.project_files.is_empty();
        if !(apart && alone) {
            layers.push(Layer::Sources(sources));
        }
        if !own.is_empty() {
            layers.push(Layer::Sources(own));
        }
        let key = files::hex(&key.finalize());
        Ok(Some(Self {
            name: name.into(),
            reference: format!("testbed.local/{name}:{}", &key[..12]),
            parts: needed,
            recipe: recipe.clone(),
            layers,
        }))
    }

    /// Whether clusters inside of the hub may want it: all but the cluster itself, which carries what it needs.
    #[must_use]
    pub fn is_for_clusters(&self) -> bool {
        !self.recipe.is_outer()
    }

    /// Writes the image as an archive that `ctr images import` reads; the same bytes every time.
    ///
    /// # Errors
    /// If a source cannot be read or `out` cannot be written.
    pub fn write(&self, out: impl Write) -> Result<(), ImageError> {
        self.try_write(out).map_err(|source| ImageError::Write { image: self.name.clone(), source })
    }

    fn try_write(&self, mut out: impl Write) -> io::Result<()> {
        // The archive names a layer by its digest before it holds it: so it is made twice, the first time for nobody.
        let mut layers = Vec::new();
        for layer in &self.layers {
            let mut measure = Measure::default();
            layer.write(&mut measure)?;
            layers.push(measure.descriptor(MediaType::ImageLayer)?);
        }
        let config = self.config(&layers)?;
        let config_descriptor = Measure::of(&config).descriptor(MediaType::ImageConfig)?;
        let manifest = ImageManifestBuilder::default()
            .schema_version(SCHEMA_VERSION)
            .media_type(MediaType::ImageManifest)
            .config(config_descriptor.clone())
            .layers(layers.clone())
            .build()
            .and_then(|manifest| manifest.to_string())
            .map_err(io::Error::other)?;
        let mut manifest_descriptor =
            Measure::of(manifest.as_bytes()).descriptor(MediaType::ImageManifest)?;
        manifest_descriptor
            .set_annotations(Some([("io.containerd.image.name".to_owned(), self.reference.clone())].into()));
        let index = ImageIndexBuilder::default()
            .schema_version(SCHEMA_VERSION)
            .media_type(MediaType::ImageIndex)
            .manifests([manifest_descriptor.clone()])
            .build()
            .and_then(|index| index.to_string())
            .map_err(io::Error::other)?;
        let layout = OciLayoutBuilder::default()
            .image_layout_version("1.0.0")
            .build()
            .and_then(|layout| layout.to_string())
            .map_err(io::Error::other)?;

        append(&mut out, "oci-layout", layout.as_bytes())?;
        append(&mut out, &blob(&config_descriptor), &config)?;
        append(&mut out, &blob(&manifest_descriptor), manifest.as_bytes())?;
        append(&mut out, "index.json", index.as_bytes())?;
        for (layer, descriptor) in self.layers.iter().zip(&layers) {
            let (path, size) = (blob(descriptor), descriptor.size());
            out.write_all(header(Path::new(&path), size, 0o644, tar::EntryType::Regular, "")?.as_bytes())?;
            layer.write(&mut out)?;
            pad(&mut out, size)?;
        }
        end(&mut out)?;
        out.flush()
    }

    fn config(&self, layers: &[Descriptor]) -> io::Result<Vec<u8>> {
        let user = self.recipe.user.unwrap_or(NONROOT);
        let mut env = BTreeMap::from([("PATH".to_owned(), "/usr/sbin:/usr/bin:/sbin:/bin".to_owned())]);
        env.extend(self.recipe.env.clone());
        let config = ConfigBuilder::default()
            .user(format!("{user}:{user}"))
            .env(env.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>())
            .entrypoint(self.recipe.entrypoint.clone())
            .working_dir("/")
            .build()
            .map_err(io::Error::other)?;
        let root = RootFsBuilder::default()
            .typ("layers")
            .diff_ids(layers.iter().map(|layer| layer.digest().to_string()).collect::<Vec<_>>())
            .build()
            .map_err(io::Error::other)?;
        let image = ImageConfigurationBuilder::default()
            .architecture(Arch::default())
            .os(Os::Linux)
            .config(config)
            .rootfs(root)
            .build()
            .and_then(|image| image.to_string())
            .map_err(io::Error::other)?;
        Ok(image.into_bytes())
    }
}

impl Layer {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let sources = match self {
            Self::Whole(from) => return io::copy(&mut fs::File::open(from)?, out).map(|_| ()),
            Self::Sources(sources) => sources,
        };
        for source in sources {
            source.write(out)?;
        }
        end(out)
    }
}

impl Source {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Folder { to, mode } => {
                out.write_all(header(to, 0, *mode, tar::EntryType::Directory, "")?.as_bytes())
            }
            Self::File { from, to, mode } => {
                let mut file = fs::File::open(from)?;
                let size = file.metadata()?.len();
                out.write_all(header(to, size, *mode, tar::EntryType::Regular, "")?.as_bytes())?;
                io::copy(&mut file, out)?;
                pad(out, size)
            }
            Self::Text { to, content } => write_file(out, to, content.as_bytes()),
            Self::Link { to, target } => {
                out.write_all(header(to, 0, 0o777, tar::EntryType::Symlink, target)?.as_bytes())
            }
            Self::Archive { image, to } => {
                let mut archive = Vec::new();
                image.try_write(&mut archive)?;
                write_file(out, to, &archive)
            }
        }
    }
}

/// The first of the folders that has the binary in a form that runs without any library beside it.
fn find_static(folders: &[PathBuf], binary: &str) -> Result<Option<(PathBuf, Vec<u8>)>, FileError> {
    for folder in folders {
        let path = folder.join(binary);
        if let Some(content) = files::read_if_there(&path)?
            && is_static(&content)
        {
            return Ok(Some((path, content)));
        }
    }
    Ok(None)
}

/// Whether an ELF file of 64 bits asks for no interpreter, which is what loads libraries.
fn is_static(elf: &[u8]) -> bool {
    const INTERPRETER: u32 = 3;
    let number = |at: usize, bytes: usize| -> Option<usize> {
        let mut word = [0; 8];
        word[..bytes].copy_from_slice(elf.get(at..at + bytes)?);
        usize::try_from(u64::from_le_bytes(word)).ok()
    };
    // Where the program headers begin, how long each is, and how many there are.
    let (Some(table), Some(size), Some(count)) = (number(32, 8), number(54, 2), number(56, 2)) else {
        return false;
    };
    let interpreted = (0..count).any(|index| number(table + index * size, 4) == Some(INTERPRETER as usize));
    elf.starts_with(b"\x7fELF\x02\x01") && count > 0 && !interpreted
}

/// What every image of ours that runs has: users with names, which the packages of a userland do not bring, and the
/// authorities of the public web.
fn base(bin: bool) -> Vec<Source> {
    let folders = [("etc", 0o755), ("etc/ssl", 0o755), ("etc/ssl/certs", 0o755), ("tmp", 0o1777)];
    // A userland may have it as a link.
    let folders = bin.then_some(("bin", 0o755)).into_iter().chain(folders);
    let mut base: Vec<_> = folders.map(|(folder, mode)| Source::Folder { to: folder.into(), mode }).collect();
    let passwd = format!(
        "root:x:0:0:root:/:/sbin/nologin\nnonroot:x:{NONROOT}:{NONROOT}:nonroot:/tmp:/sbin/nologin\n"
    );
    base.push(Source::Text { to: "etc/passwd".into(), content: passwd });
    let group = format!("root:x:0:\nnonroot:x:{NONROOT}:\n");
    base.push(Source::Text { to: "etc/group".into(), content: group });
    base.push(Source::Text { to: "etc/nsswitch.conf".into(), content: "hosts: files dns\n".into() });
    if Path::new(CA_BUNDLE).is_file() {
        let to = CA_BUNDLE.trim_start_matches('/').into();
        base.push(Source::File { from: CA_BUNDLE.into(), to, mode: 0o644 });
    }
    base
}

/// Counts and digests what is written to it.
#[derive(Default)]
struct Measure {
    hash: Sha256,
    size: u64,
}

impl Measure {
    fn of(content: &[u8]) -> Self {
        let mut measure = Self::default();
        measure.hash.update(content);
        measure.size = content.len() as u64;
        measure
    }

    fn descriptor(self, media_type: MediaType) -> io::Result<Descriptor> {
        let hex = files::hex(&self.hash.finalize());
        let digest: Sha256Digest = hex.parse().map_err(io::Error::other)?;
        DescriptorBuilder::default()
            .media_type(media_type)
            .digest(OciDigest::from(digest))
            .size(self.size)
            .build()
            .map_err(io::Error::other)
    }
}

impl Write for Measure {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn blob(descriptor: &Descriptor) -> String {
    format!("blobs/sha256/{}", descriptor.digest().digest())
}

/// A header with nothing in it that depends on when or by whom it was made.
fn header(path: &Path, size: u64, mode: u32, kind: tar::EntryType, link: &str) -> io::Result<tar::Header> {
    let mut header = tar::Header::new_gnu();
    header.set_path(path)?;
    header.set_size(size);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_entry_type(kind);
    if !link.is_empty() {
        header.set_link_name(link)?;
    }
    header.set_cksum();
    Ok(header)
}

fn append(out: &mut impl Write, path: &str, content: &[u8]) -> io::Result<()> {
    write_file(out, Path::new(path), content)
}

fn write_file(out: &mut impl Write, path: &Path, content: &[u8]) -> io::Result<()> {
    let size = content.len() as u64;
    out.write_all(header(path, size, 0o644, tar::EntryType::Regular, "")?.as_bytes())?;
    out.write_all(content)?;
    pad(out, size)
}

fn pad(out: &mut impl Write, size: u64) -> io::Result<()> {
    let rest = usize::try_from(size.next_multiple_of(TAR_BLOCK) - size).unwrap_or(0);
    out.write_all(&[0; TAR_BLOCK as usize][..rest])
}

fn end(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&[0; 2 * TAR_BLOCK as usize])
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn image() -> (tempfile::TempDir, Image) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        fs::write(folder.path().join("bin/server"), "binary").unwrap();
        let built = Built {
            name: "left".into(),
            version: "v1".into(),
            key: "key".into(),
            folder: folder.path().to_owned(),
        };
        let recipe: Recipe = serde_saphyr::from_str(
            "{bin: {left: [server]}, links: {again: server}, entrypoint: [/bin/server]}",
        )
        .unwrap();
        let nothing = BTreeMap::new();
        let origins = Origins { root: folder.path(), own: &[], images: &nothing };
        let image = Image::new("web", &recipe, &[("left".to_owned(), built)].into(), origins).unwrap();
        (folder, image.unwrap())
    }

    fn entries(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut archive = tar::Archive::new(archive);
        let read = |entry: io::Result<tar::Entry<'_, _>>| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (entry.path().unwrap().display().to_string(), content)
        };
        archive.entries().unwrap().map(read).collect()
    }

    #[test]
    fn the_same_image_is_the_same_bytes_twice() {
        let (_folder, image) = image();
        let (mut first, mut second) = (Vec::new(), Vec::new());
        image.write(&mut first).unwrap();
        image.write(&mut second).unwrap();
        assert!(!first.is_empty());
        assert_eq!(first, second);
    }

    #[test]
    fn the_index_leads_to_a_layer_with_the_binary() {
        let (_folder, image) = image();
        let mut archive = Vec::new();
        image.write(&mut archive).unwrap();
        let files = entries(&archive);
        let index: serde_json::Value = serde_json::from_slice(&files["index.json"]).unwrap();
        assert_eq!(index["manifests"][0]["annotations"]["io.containerd.image.name"], image.reference);
        let at = |digest: &serde_json::Value| {
            let digest = digest.as_str().unwrap().replace("sha256:", "blobs/sha256/");
            (digest.clone(), files[&digest].clone())
        };
        let (_, manifest) = at(&index["manifests"][0]["digest"]);
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        let (name, layer) = at(&manifest["layers"][0]["digest"]);
        assert!(name.ends_with(&files::sha256(|hash| hash.update(&layer))));
        let layer = entries(&layer);
        assert_eq!(layer["bin/server"], b"binary");
        assert!(layer.contains_key("bin/again") && layer.contains_key("etc/passwd"));
    }

    #[test]
    fn what_is_made_on_demand_is_left_out_until_it_is_asked_for_or_built() {
        let folder = tempfile::tempdir().unwrap();
        let built = |names: &[&str]| -> BTreeMap<String, Built> {
            let part = |name: &&str| {
                let path = folder.path().join(name);
                fs::create_dir_all(&path).unwrap();
                let built =
                    Built { name: (*name).into(), version: String::new(), key: String::new(), folder: path };
                ((*name).to_owned(), built)
            };
            names.iter().map(part).collect()
        };
        let images: Images = serde_saphyr::from_str(
            "
            images:
              web: {bin: {shared: [web]}, entrypoint: [/bin/web]}
              large: {bin: {large: [large], shared: [web], given: [x]}, entrypoint: [/bin/large], on_demand: true}
            addons: [{name: web, files: [given/crds]}]
            ",
        )
        .unwrap();
        let leave_out = |asked: &[&str], parts: &[&str]| {
            let (mut images, asked) = (images.clone(), asked.iter().map(|a| (*a).into()).collect::<Vec<_>>());
            let left = images.leave_out(&asked, &built(parts));
            left.map(|left| (left.images, left.parts, images.images.len()))
        };
        let left = (vec!["large".to_owned()], BTreeSet::from(["large".to_owned()]), 1);
        assert_eq!(leave_out(&[], &[]).unwrap(), left);
        assert_eq!(leave_out(&[], &["shared", "given"]).unwrap(), left);
        let nothing = (Vec::new(), BTreeSet::new(), 2);
        assert_eq!(leave_out(&["large"], &[]).unwrap(), nothing);
        assert_eq!(leave_out(&[], &["shared", "given", "large"]).unwrap(), nothing);
        let unknown = leave_out(&["lrge"], &[]).unwrap_err().to_string();
        assert_eq!(unknown, "no image is named `lrge`\n\nhint: these are made on demand: large");
    }

    #[test]
    fn of_this_project_only_loki_is_made_on_demand_and_no_add_on_needs_it() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let layout = Layout { root: root.to_owned(), ..Layout::without_root() };
        let mut images = Images::read(&layout).unwrap();
        let left = images.leave_out(&[], &BTreeMap::new()).unwrap();
        assert_eq!(left, LeftOut { images: vec!["loki".into()], parts: BTreeSet::from(["loki".to_owned()]) });
        for addon in &images.addons {
            let path = layout.hub().join("manifests").join(format!("{}.yaml", addon.name));
            let text = fs::read_to_string(path).unwrap();
            let named = crate::cluster::names(&text, "image:");
            assert!(named.iter().all(|name| images.images.contains_key(name.as_str())), "{}", addon.name);
        }
    }

    #[test]
    fn being_made_on_demand_changes_nothing_in_an_image() {
        let recipe = Recipe { on_demand: true, ..Recipe::default() };
        let text = serde_json::to_string(&recipe).unwrap();
        assert_eq!(text, serde_json::to_string(&Recipe::default()).unwrap());
    }

    #[test]
    fn a_binary_of_ours_that_is_not_built_makes_no_image() {
        let recipe = Recipe { own: Some("testbed-operator".into()), ..Recipe::default() };
        let nothing = BTreeMap::new();
        let origins = Origins { root: Path::new("/none"), own: &["/none".into()], images: &nothing };
        assert!(Image::new("o", &recipe, &BTreeMap::new(), origins).unwrap().is_none());
    }

    #[test]
    fn an_image_on_a_userland_carries_others_and_its_own_layer_is_the_last() {
        let (folder, inner) = image();
        let root = folder.path();
        fs::write(root.join("rootfs.tar"), [0; 1024]).unwrap();
        let built = |name: &str| Built {
            name: name.into(),
            version: "v1".into(),
            key: "key".into(),
            folder: root.to_owned(),
        };
        let recipe: Recipe = serde_saphyr::from_str(
            "{userland: debian, bin: {left: [server]}, carries: [web], entrypoint: [/usr/local/bin/server]}",
        )
        .unwrap();
        let parts = ["debian", "left"].map(|name| (name.to_owned(), built(name))).into();
        let known = [("web".to_owned(), inner.clone())].into();
        let origins = Origins { root, own: &[], images: &known };
        let outer = Image::new("outer", &recipe, &parts, origins).unwrap().unwrap();
        assert!(!outer.is_for_clusters() && inner.is_for_clusters());
        let layers: Vec<_> = outer
            .layers
            .iter()
            .map(|layer| {
                let mut archive = Vec::new();
                layer.write(&mut archive).unwrap();
                entries(&archive)
            })
            .collect();
        assert_eq!(layers.len(), 3);
        assert_eq!(layers[1]["usr/local/bin/server"], b"binary");
        assert!(!layers[1].contains_key("bin") && layers[1].contains_key("etc/passwd"));
        let references = String::from_utf8_lossy(&layers[2]["images/references.json"]);
        assert!(references.contains(&inner.reference));
        assert!(entries(&layers[1]["images/web.tar"]).contains_key("index.json"));
        assert!(matches!(
            Image::new("outer", &recipe, &parts, Origins { images: &BTreeMap::new(), ..origins }),
            Err(ImageError::NoImage { .. })
        ));
    }

    #[test]
    fn an_image_without_a_program_holds_only_the_files_it_is_told_to() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("crossplane.yaml"), "kind: Function").unwrap();
        let recipe: Recipe =
            serde_saphyr::from_str("{project_files: {crossplane.yaml: package.yaml}}").unwrap();
        let nothing = BTreeMap::new();
        let origins = Origins { root: root.path(), own: &[], images: &nothing };
        let new = || Image::new("package", &recipe, &BTreeMap::new(), origins).unwrap().unwrap();
        let package = new();
        let mut layer = Vec::new();
        package.layers[0].write(&mut layer).unwrap();
        let files = entries(&layer);
        assert_eq!(
            files.into_iter().collect::<Vec<_>>(),
            [("package.yaml".into(), b"kind: Function".to_vec())]
        );
        fs::write(root.path().join("crossplane.yaml"), "kind: Provider").unwrap();
        assert_ne!(package.reference, new().reference);
    }

    #[test]
    fn a_binary_that_needs_libraries_is_told_from_a_static_one() {
        let elf = |kind: u8| {
            let mut elf = vec![0; 64 + 56];
            elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
            (elf[32], elf[54], elf[56], elf[64]) = (64, 56, 1, kind);
            elf
        };
        assert!(is_static(&elf(1)));
        assert!(!is_static(&elf(3)));
        assert!(!is_static(b"#!/bin/sh\n"));
    }
}
