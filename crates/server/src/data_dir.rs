//! The data directory: private permissions, one server at a time, the master key, and the file that tells where the
//! server is.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use app::Entropy;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::config::MasterKey;

/// The token of the automation user, alone with a line break.
pub const TOKEN_FILE: &str = "automation.pat";
/// The generated master key.
pub const MASTER_KEY_FILE: &str = "master.key";
/// The embedded database.
pub const STORE_FILE: &str = "merlon.db";
const LOCK_FILE: &str = "merlon.lock";
const RUN_FILE: &str = "server.json";

/// Why the data directory cannot be used.
#[derive(Debug, Error)]
pub enum DataDirError {
    /// Reading or writing failed.
    #[error("cannot {doing} {}; {}", path.display(), remedy(source))]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another server holds the lock.
    #[error("another Merlon {who} is using {}; stop it, or choose another directory with --data", dir.display())]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// Who, as far as known.
        who: Holder,
    },
    /// A key file that holds no key.
    #[error("{} holds no usable master key: {}", path.display(), MasterKey::FORM)]
    BadKey {
        /// The file.
        path: PathBuf,
    },
    /// A store without its key: a new key could never open what is there.
    #[error(
        "{} is gone, but {} holds data that is sealed with it; put the key back (from a backup), or give it as master_key.file or \
         MERLON_MASTER_KEY__VALUE",
        path.display(), dir.display()
    )]
    KeyGone {
        /// Where the key was.
        path: PathBuf,
        /// The directory.
        dir: PathBuf,
    },
}

fn remedy(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "permission denied: run as the owner of the directory, or choose one with --data".to_owned()
        }
        io::ErrorKind::StorageFull => "the disk is full: free some space".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => {
            "the file system is read-only: choose a directory with --data".to_owned()
        }
        _ => error.to_string(),
    }
}

/// Who holds a data directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder(Option<RunInfo>, Option<u32>);

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.0, self.1) {
            (Some(run), _) => write!(f, "(process {}, {})", run.pid, run.url),
            (None, Some(pid)) => write!(f, "(process {pid})"),
            (None, None) => f.write_str("server"),
        }
    }
}

/// Where the running server is, for the commands that talk to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Process id.
    pub pid: u32,
    /// Address of the listener.
    pub address: SocketAddr,
    /// Scheme and address, as printed by `ready`.
    pub url: String,
    /// The certificate the listener shows, when it speaks TLS.
    pub certificate_file: Option<PathBuf>,
}

/// The data directory, locked for this process until dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Creates the directory where needed and locks it. Blocking; meant for start-up.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|source| DataDirError::Io {
                doing: "create the data directory",
                path: path.to_owned(),
                source,
            })?;
        let path = path.canonicalize().map_err(|source| DataDirError::Io {
            doing: "find the data directory",
            path: path.to_owned(),
            source,
        })?;
        let lock = lock(&path)?;
        // Left by a server that was killed; its address is not ours.
        let _ = fs::remove_file(path.join(RUN_FILE));
        Ok(Self { path, _lock: lock })
    }

    /// The directory, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// What is looser than it should be, as warnings for the operator.
    pub fn warnings(&self) -> Vec<String> {
        let files = [
            self.path.clone(),
            self.join(MASTER_KEY_FILE),
            self.join(TOKEN_FILE),
        ];
        files.iter().filter_map(|path| loose(path)).collect()
    }

    /// Writes a file only its owner can read. It appears whole or not at all, also after a crash.
    pub fn write_private(&self, name: &str, content: &[u8]) -> Result<(), DataDirError> {
        write_private(&self.path, name, content).map_err(|source| DataDirError::Io {
            doing: "write",
            path: self.join(name),
            source,
        })
    }

    /// Keeps what a file holds under another name, never in the place of something that is kept already; answers where. Nothing if there
    /// is no such file.
    pub fn keep_aside(&self, name: &str) -> Result<Option<PathBuf>, DataDirError> {
        keep_aside(&self.path, name).map_err(|source| DataDirError::Io {
            doing: "keep a copy of",
            path: self.join(name),
            source,
        })
    }

    /// Puts back what [`Self::keep_aside`] kept.
    pub fn put_back(&self, kept: &Path, name: &str) -> Result<(), DataDirError> {
        fs::rename(kept, self.join(name)).map_err(|source| DataDirError::Io {
            doing: "put back",
            path: self.join(name),
            source,
        })
    }

    /// Removes a file that turned out to be of no use.
    pub fn discard(&self, name: &str) -> Result<(), DataDirError> {
        fs::remove_file(self.join(name)).map_err(|source| DataDirError::Io {
            doing: "remove",
            path: self.join(name),
            source,
        })
    }

    /// The master key and whether it was made just now. `has_data` says that a store exists already, which no new key
    /// could open.
    pub fn master_key(
        &self,
        source: &MasterKey,
        has_data: bool,
        entropy: &dyn Entropy,
    ) -> Result<(Zeroizing<[u8; 32]>, bool), DataDirError> {
        match source {
            MasterKey::Given(key) => Ok((key.clone(), false)),
            MasterKey::File(path) => Ok((read_key(path)?, false)),
            MasterKey::Generated => {
                let path = self.join(MASTER_KEY_FILE);
                match (path.exists(), has_data) {
                    (true, _) => Ok((read_key(&path)?, false)),
                    (false, true) => Err(DataDirError::KeyGone {
                        path,
                        dir: self.path.clone(),
                    }),
                    (false, false) => Ok((self.generate_key(entropy)?, true)),
                }
            }
        }
    }

    fn generate_key(&self, entropy: &dyn Entropy) -> Result<Zeroizing<[u8; 32]>, DataDirError> {
        let mut key = Zeroizing::new([0; 32]);
        entropy.fill(key.as_mut_slice());
        let text = Zeroizing::new(STANDARD.encode(key.as_slice()) + "\n");
        self.write_private(MASTER_KEY_FILE, text.as_bytes())?;
        Ok(key)
    }

    /// Tells other processes where this server is.
    pub fn announce(&self, info: &RunInfo) -> Result<(), DataDirError> {
        let text = serde_json::to_vec_pretty(info).unwrap_or_default();
        self.write_private(RUN_FILE, &text)
    }
}

impl Drop for DataDir {
    /// The address is only true while we run.
    fn drop(&mut self) {
        let _ = fs::remove_file(self.join(RUN_FILE));
    }
}

/// The server that runs on a directory, if there is one. A file left by a killed server does not count.
pub fn running(dir: &Path) -> Option<RunInfo> {
    let held = File::open(dir.join(LOCK_FILE))
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)));
    let text = fs::read(dir.join(RUN_FILE)).ok().filter(|_| held)?;
    serde_json::from_slice(&text).ok()
}

/// Reads a key file in one of the accepted forms.
pub fn read_key(path: &Path) -> Result<Zeroizing<[u8; 32]>, DataDirError> {
    let text = fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|source| DataDirError::Io {
            doing: "read the master key",
            path: path.to_owned(),
            source,
        })?;
    MasterKey::parse(&text).ok_or_else(|| DataDirError::BadKey {
        path: path.to_owned(),
    })
}

/// A warning when others than the owner may reach a path.
pub fn loose(path: &Path) -> Option<String> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let private = if path.is_dir() { "700" } else { "600" };
    (mode & 0o077 != 0).then(|| {
        format!(
            "{} is open to other users (mode {mode:o}); run: chmod {private} {}",
            path.display(),
            path.display()
        )
    })
}

fn lock(dir: &Path) -> Result<File, DataDirError> {
    let path = dir.join(LOCK_FILE);
    let io_error = |doing| {
        move |source| DataDirError::Io {
            doing,
            path: dir.join(LOCK_FILE),
            source,
        }
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(io_error("open the lock file"))?;
    match insist(&file) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let pid = fs::read_to_string(&path)
                .ok()
                .and_then(|text| text.trim().parse().ok());
            return Err(DataDirError::InUse {
                dir: dir.to_owned(),
                who: Holder(running(dir), pid),
            });
        }
        Err(TryLockError::Error(source)) => return Err(io_error("lock")(source)),
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(io_error("write"))?;
    Ok(file)
}

/// A command that asks whether somebody holds the lock holds it itself for a moment, so one refusal means nothing.
fn insist(file: &File) -> Result<(), TryLockError> {
    for _ in 0..100 {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::yield_now(),
            outcome => return outcome,
        }
    }
    file.try_lock()
}

fn write_private(dir: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let (draft, path) = (dir.join(format!(".{name}.new")), dir.join(name));
    let _ = fs::remove_file(&draft);
    write_new(&draft, content)?;
    fs::rename(&draft, &path)?;
    File::open(dir)?.sync_all()
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// A copy: the file stays where it is until another takes its place, so it is never gone.
fn keep_aside(dir: &Path, name: &str) -> io::Result<Option<PathBuf>> {
    let content = match fs::read(dir.join(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => Zeroizing::new(read?),
    };
    let names = (2_u32..).map(|number| format!("{name}.old{number}"));
    for kept in [format!("{name}.old")].into_iter().chain(names) {
        let kept = dir.join(kept);
        match write_new(&kept, &content) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            written => {
                written?;
                File::open(dir)?.sync_all()?;
                return Ok(Some(kept));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Senses;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn everything_in_it_is_private() {
        let home = tempfile::tempdir().unwrap();
        let dir = DataDir::open(&home.path().join("a/b")).unwrap();
        let (_, made) = dir
            .master_key(&MasterKey::Generated, false, &*Senses::default().entropy)
            .unwrap();
        assert!(made);
        assert_eq!(mode(dir.path()), 0o700);
        for entry in fs::read_dir(dir.path()).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
        assert_eq!(dir.warnings(), Vec::<String>::new());
        fs::set_permissions(dir.join(MASTER_KEY_FILE), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(dir.warnings()[0].contains("chmod 600"));
    }

    #[test]
    fn a_second_server_is_refused_and_told_who_is_there() {
        let home = tempfile::tempdir().unwrap();
        let first = DataDir::open(home.path()).unwrap();
        let pid = std::process::id();
        assert!(
            DataDir::open(home.path())
                .unwrap_err()
                .to_string()
                .contains(&format!("(process {pid})"))
        );
        let info = RunInfo {
            pid,
            address: "127.0.0.1:81".parse().unwrap(),
            url: "http://127.0.0.1:81".to_owned(),
            certificate_file: None,
        };
        first.announce(&info).unwrap();
        let refusal = DataDir::open(home.path()).unwrap_err().to_string();
        assert!(
            refusal.contains("http://127.0.0.1:81") && refusal.contains("--data"),
            "{refusal}"
        );
        assert_eq!(running(first.path()), Some(info));
        drop(first);
        assert_eq!(running(home.path()), None);
        DataDir::open(home.path()).unwrap();
    }

    #[test]
    fn the_generated_key_stays_and_is_not_replaced_under_data() {
        let home = tempfile::tempdir().unwrap();
        let dir = DataDir::open(home.path()).unwrap();
        let random = &*Senses::default().entropy;
        let (first, _) = dir.master_key(&MasterKey::Generated, false, random).unwrap();
        let (second, made) = dir.master_key(&MasterKey::Generated, true, random).unwrap();
        assert!(!made && first == second);
        fs::remove_file(dir.join(MASTER_KEY_FILE)).unwrap();
        let gone = dir.master_key(&MasterKey::Generated, true, random).unwrap_err();
        assert!(matches!(gone, DataDirError::KeyGone { .. }));
        fs::write(dir.join(MASTER_KEY_FILE), "nonsense").unwrap();
        let bad = dir.master_key(&MasterKey::Generated, true, random).unwrap_err();
        assert!(!bad.to_string().contains("nonsense") && bad.to_string().contains("openssl rand"));
    }
}
