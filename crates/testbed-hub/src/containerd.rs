//! Images inside containerd.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    process::Stdio,
};

use crate::{
    command::{self, CommandError},
    image::{Image, ImageError},
    registry,
};

/// An image could not be listed or imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The image could not be written.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// containerd did not take it.
    #[error("containerd did not take image `{reference}`")]
    Refused {
        /// The image.
        reference: String,
        /// Why.
        #[source]
        source: CommandError,
    },
    /// The registry did not take it.
    #[error("the registry did not take image `{reference}`")]
    Push {
        /// The image.
        reference: String,
        /// Why.
        #[source]
        source: CommandError,
    },
    /// containerd could not be asked.
    #[error("containerd cannot be asked for its images")]
    List(#[source] CommandError),
}

/// containerd's client program and its socket.
#[derive(Debug, Clone)]
pub struct Containerd {
    /// The program `ctr`.
    pub ctr: PathBuf,
    /// The socket.
    pub socket: PathBuf,
}

impl Containerd {
    /// References of the images that are there.
    ///
    /// # Errors
    /// If containerd cannot be asked.
    pub async fn images(&self) -> Result<BTreeSet<String>, ImportError> {
        let mut args = self.args();
        args.extend(["images".into(), "list".into(), "--quiet".into()]);
        let list = command::run(&self.ctr, &args).await.map_err(ImportError::List)?;
        Ok(list.lines().map(Into::into).collect())
    }

    /// Imports an image while it is being written.
    ///
    /// # Errors
    /// If it cannot be written or containerd does not take it.
    pub async fn import(&self, image: &Image) -> Result<(), ImportError> {
        let (ctr, mut args, image) = (self.ctr.clone(), self.args(), image.clone());
        args.extend(["images".into(), "import".into(), "-".into()]);
        let reference = image.reference.clone();
        let refused = |source| ImportError::Refused { reference, source };
        match tokio::task::spawn_blocking(move || import(&ctr, &args, &image)).await {
            Ok(outcome) => outcome,
            Err(error) => {
                Err(refused(CommandError::Spawn { program: "ctr".into(), source: io::Error::other(error) }))
            }
        }
    }

    /// Imports an archive that is there.
    ///
    /// # Errors
    /// If containerd does not take it.
    pub async fn import_archive(&self, path: &Path) -> Result<(), ImportError> {
        let mut args = self.args();
        args.extend(["images".into(), "import".into(), path.display().to_string()]);
        let refused = |source| ImportError::Refused { reference: path.display().to_string(), source };
        command::run(&self.ctr, &args).await.map_err(refused)?;
        Ok(())
    }

    /// Copies an image into a registry, over plain HTTP; it is called there as here but for the host's name.
    ///
    /// # Errors
    /// If the registry does not take it.
    pub async fn push(&self, reference: &str, registry: &str) -> Result<(), ImportError> {
        let path = registry::path(reference);
        let mut args = self.args();
        args.extend(["images", "push", "--plain-http", "--local"].map(Into::into));
        args.extend([format!("{registry}/{path}"), reference.into()]);
        let failed = |source| ImportError::Push { reference: reference.into(), source };
        command::run(&self.ctr, &args).await.map_err(failed)?;
        Ok(())
    }

    fn args(&self) -> Vec<String> {
        ["--address", &self.socket.display().to_string(), "--namespace", "k8s.io"].map(Into::into).to_vec()
    }
}

fn import(ctr: &Path, args: &[String], image: &Image) -> Result<(), ImportError> {
    let refused = |source| ImportError::Refused { reference: image.reference.clone(), source };
    let spawn = |source| CommandError::Spawn { program: "ctr".into(), source };
    let mut child = std::process::Command::new(ctr)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(spawn)
        .map_err(refused)?;
    let written = match child.stdin.take() {
        Some(input) => image.write(io::BufWriter::with_capacity(1 << 20, input)),
        None => Ok(()),
    };
    let done = child.wait_with_output().map_err(spawn).map_err(refused)?;
    if !done.status.success() {
        // What containerd says is the reason; that it then stopped reading is not.
        let output = command::tail(&done.stderr, 5);
        return Err(refused(CommandError::Failed { line: "ctr images import".into(), output }));
    }
    written.map_err(Into::into)
}
