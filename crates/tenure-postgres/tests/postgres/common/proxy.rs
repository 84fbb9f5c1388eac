//! A way to the server that can be cut around a commit.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread;

/// When the connection is cut, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Cut {
    /// Not at all.
    Never = 0,
    /// The commit does not reach the server.
    BeforeCommit = 1,
    /// The commit is sent, and the connection is gone before anything comes back.
    AtCommit = 2,
    /// The server has committed, and its answer is lost.
    AfterCommit = 3,
}

/// A socket that passes everything on, as long as it is not told otherwise.
pub struct Proxy {
    directory: tempfile::TempDir,
    cut: Arc<AtomicU8>,
    refuses: Arc<AtomicBool>,
}

impl Proxy {
    pub fn new(server: &Path) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = |directory: &Path| directory.join(".s.PGSQL.5432");
        let listener = UnixListener::bind(socket(directory.path())).unwrap();
        let (cut, server) = (Arc::new(AtomicU8::new(Cut::Never as u8)), socket(server));
        let (told, refuses) = (Arc::clone(&cut), Arc::new(AtomicBool::new(false)));
        let hang_up = Arc::clone(&refuses);
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                if hang_up.load(Ordering::SeqCst) {
                    continue;
                }
                pass_on(client, &server, &told);
            }
        });
        Self { directory, cut, refuses }
    }

    pub fn directory(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    /// Cuts the next connection that commits.
    pub fn cut(&self, cut: Cut) {
        self.cut.store(cut as u8, Ordering::SeqCst);
    }

    /// Hangs up on connections that are made from now on, or does not.
    pub fn refuse_others(&self, refuse: bool) {
        self.refuses.store(refuse, Ordering::SeqCst);
    }

    /// Whether it was cut since it was told to.
    pub fn was_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst) == Cut::Never as u8
    }
}

fn pass_on(client: UnixStream, server: &Path, cut: &Arc<AtomicU8>) {
    let Ok(server) = UnixStream::connect(server) else { return };
    let (mut from_client, mut to_client) = (client.try_clone().unwrap(), client);
    let (mut from_server, mut to_server) = (server.try_clone().unwrap(), server);
    let told = Arc::clone(cut);
    let this = Arc::new(AtomicU8::new(Cut::Never as u8));
    let here = Arc::clone(&this);
    thread::spawn(move || {
        let mut bytes = [0; 1 << 13];
        while let Ok(read @ 1..) = from_client.read(&mut bytes) {
            let bytes = &bytes[..read];
            let commits = bytes.windows(7).any(|window| window == b"COMMIT\0");
            if commits {
                here.store(told.swap(Cut::Never as u8, Ordering::SeqCst), Ordering::SeqCst);
            }
            match here.load(Ordering::SeqCst) {
                cut if cut == Cut::BeforeCommit as u8 => break,
                cut if cut == Cut::AtCommit as u8 => {
                    let _ = to_server.write_all(bytes);
                    break;
                }
                _ => {}
            }
            if to_server.write_all(bytes).is_err() {
                break;
            }
        }
        let _ = to_server.shutdown(Shutdown::Both);
        let _ = from_client.shutdown(Shutdown::Both);
    });
    thread::spawn(move || {
        let (mut bytes, mut kept) = ([0; 1 << 13], Vec::new());
        while let Ok(read @ 1..) = from_server.read(&mut bytes) {
            if this.load(Ordering::SeqCst) == Cut::AfterCommit as u8 {
                kept.extend_from_slice(&bytes[..read]);
                if kept.windows(7).any(|window| window == b"COMMIT\0") {
                    break;
                }
            } else if to_client.write_all(&bytes[..read]).is_err() {
                break;
            }
        }
        let _ = to_client.shutdown(Shutdown::Both);
        let _ = from_server.shutdown(Shutdown::Both);
    });
}
