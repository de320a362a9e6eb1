//! The hub's registry, as far as images are concerned: which of them it has.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// How long the registry may take to say whether it has an image.
const PATIENCE: Duration = Duration::from_secs(5);

/// Returns the image of a reference without its host: what it is called in any registry.
#[must_use]
pub fn path(reference: &str) -> &str {
    reference.split_once('/').map_or(reference, |(_, path)| path)
}

/// Whether the registry at `address` has the image `<host>/<name>:<tag>`, whatever its host.
pub(crate) async fn has(address: &str, reference: &str) -> bool {
    // What cannot be asked is pushed, and if that does not work either it says why.
    timeout(PATIENCE, ask(address, reference)).await.is_ok_and(|answer| answer.unwrap_or(false))
}

async fn ask(address: &str, reference: &str) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(question(address, reference).as_bytes()).await?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await?;
    Ok(answer.ends_with(b" 200"))
}

fn question(address: &str, reference: &str) -> String {
    let path = path(reference);
    let (name, tag) = path.rsplit_once(':').unwrap_or((path, "latest"));
    format!(
        "HEAD /v2/{name}/manifests/{tag} HTTP/1.1\r\nHost: {address}\r\n\
         Accept: application/vnd.oci.image.manifest.v1+json\r\nConnection: close\r\n\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_names_repository_and_tag() {
        let question = question("10.96.0.50:5000", "testbed.local/testbed-load:abc");
        assert!(question.starts_with("HEAD /v2/testbed-load/manifests/abc HTTP/1.1\r\n"), "{question}");
    }
}
