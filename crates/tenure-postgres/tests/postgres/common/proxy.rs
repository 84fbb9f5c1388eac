//! A way to the server that can be cut around a commit.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

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

/// What becomes of the message at which a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// It does not arrive.
    Lost,
    /// It arrives, and nothing after it.
    Delivered,
}

/// Counts messages in both directions, and says what becomes of them.
#[derive(Debug, Default)]
struct Gate {
    passed: AtomicU64,
    /// The message at which something happens; 0 for none.
    at: AtomicU64,
    delivers: AtomicBool,
    stalls: AtomicBool,
    stalled: AtomicBool,
    over: AtomicBool,
}

/// What to do with a message.
#[derive(PartialEq, Eq)]
enum Do {
    PassOn,
    PassOnAndCut,
    Cut,
}

impl Gate {
    fn next(&self) -> Do {
        let number = self.passed.fetch_add(1, Ordering::SeqCst) + 1;
        let at = self.at.load(Ordering::SeqCst);
        if at == 0 || number < at {
            return Do::PassOn;
        }
        if self.stalls.load(Ordering::SeqCst) {
            self.stalled.store(true, Ordering::SeqCst);
            while !self.over.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_micros(200));
            }
            return Do::Cut;
        }
        // Those after it are of connections that are made later.
        match (number == at, self.delivers.load(Ordering::SeqCst)) {
            (false, _) => Do::PassOn,
            (true, true) => Do::PassOnAndCut,
            (true, false) => Do::Cut,
        }
    }
}

/// A socket that passes everything on, as long as it is not told otherwise.
#[derive(Clone)]
pub struct Proxy {
    directory: Arc<tempfile::TempDir>,
    cut: Arc<AtomicU8>,
    refuses: Arc<AtomicBool>,
    gate: Arc<Gate>,
}

impl Proxy {
    pub fn new(server: &Path) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = |directory: &Path| directory.join(".s.PGSQL.5432");
        let listener = UnixListener::bind(socket(directory.path())).unwrap();
        let (cut, server) = (Arc::new(AtomicU8::new(Cut::Never as u8)), socket(server));
        let (told, refuses) = (Arc::clone(&cut), Arc::new(AtomicBool::new(false)));
        let hang_up = Arc::clone(&refuses);
        let gate = Arc::<Gate>::default();
        let counts = Arc::clone(&gate);
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                if hang_up.load(Ordering::SeqCst) {
                    continue;
                }
                pass_on(client, &server, &told, &counts);
            }
        });
        Self { directory: Arc::new(directory), cut, refuses, gate }
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

    /// How many messages passed in both directions.
    pub fn passed(&self) -> u64 {
        self.gate.passed.load(Ordering::SeqCst)
    }

    /// Cuts the connection at the message so many from here.
    pub fn cut_at(&self, further: u64, passage: Passage) {
        self.gate.delivers.store(passage == Passage::Delivered, Ordering::SeqCst);
        self.gate.at.store(self.passed() + further, Ordering::SeqCst);
    }

    /// Holds back the message so many from here and all after it, until [`Self::end`].
    pub fn stall_at(&self, further: u64) {
        self.gate.stalls.store(true, Ordering::SeqCst);
        self.gate.at.store(self.passed() + further, Ordering::SeqCst);
    }

    /// Whether a message is held back.
    pub fn is_stalled(&self) -> bool {
        self.gate.stalled.load(Ordering::SeqCst)
    }

    /// Cuts what is held back.
    pub fn end(&self) {
        self.gate.over.store(true, Ordering::SeqCst);
    }

    /// Whether it was ended.
    pub fn is_over(&self) -> bool {
        self.gate.over.load(Ordering::SeqCst)
    }

    /// Whether it was cut since it was told to.
    pub fn was_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst) == Cut::Never as u8
    }
}

fn pass_on(client: UnixStream, server: &Path, cut: &Arc<AtomicU8>, gate: &Arc<Gate>) {
    let Ok(server) = UnixStream::connect(server) else { return };
    let (mut from_client, mut to_client) = (client.try_clone().unwrap(), client);
    let (mut from_server, mut to_server) = (server.try_clone().unwrap(), server);
    let told = Arc::clone(cut);
    let this = Arc::new(AtomicU8::new(Cut::Never as u8));
    let here = Arc::clone(&this);
    let (up, down) = (Arc::clone(gate), Arc::clone(gate));
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
            let told = up.next();
            if told == Do::Cut || to_server.write_all(bytes).is_err() || told == Do::PassOnAndCut {
                break;
            }
        }
        let _ = to_server.shutdown(Shutdown::Both);
        let _ = from_client.shutdown(Shutdown::Both);
    });
    thread::spawn(move || {
        let (mut bytes, mut kept) = ([0; 1 << 13], Vec::new());
        while let Ok(read @ 1..) = from_server.read(&mut bytes) {
            let told = down.next();
            if told == Do::Cut {
                break;
            }
            if this.load(Ordering::SeqCst) == Cut::AfterCommit as u8 {
                kept.extend_from_slice(&bytes[..read]);
                if kept.windows(7).any(|window| window == b"COMMIT\0") {
                    break;
                }
            } else if to_client.write_all(&bytes[..read]).is_err() || told == Do::PassOnAndCut {
                break;
            }
        }
        let _ = to_client.shutdown(Shutdown::Both);
        let _ = from_server.shutdown(Shutdown::Both);
    });
}
