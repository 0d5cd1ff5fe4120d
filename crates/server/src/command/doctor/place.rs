//! The doctor's look at what is on disk: data directory, master key, database.

use std::fs;
use std::path::Path;

use app::{
    bootstrap,
    secret::{self, Keys},
};
use store::inspect;

use super::finding::Finding;
use crate::config::{MasterKey, Settings};
use crate::data_dir::{MASTER_KEY_FILE, STORE_FILE, loose, read_key};

/// Free space below which writes will soon fail.
const LITTLE: u64 = 100 * 1024 * 1024;
/// Free space below which somebody should look.
const SOME: u64 = 1024 * 1024 * 1024;

/// All checks of the disk. Blocking.
pub(super) fn all(settings: &Settings) -> Vec<Finding> {
    let dir = &settings.data.dir;
    let mut findings = vec![directory(dir)];
    if dir.is_dir() {
        findings.extend([writable(dir), space(dir)]);
    }
    findings.push(master_key(&settings.master_key, dir));
    if settings.database.is_none() {
        findings.extend([library(), database(&dir.join(STORE_FILE))]);
    }
    findings
}

fn directory(dir: &Path) -> Finding {
    let what = format!("data directory {}", dir.display());
    match fs::metadata(dir) {
        Ok(data) if !data.is_dir() => {
            Finding::fail(format!("{what} is a file"), "choose a directory with --data")
        }
        Ok(_) => match loose(dir) {
            None => Finding::ok(what),
            Some(advice) => Finding::warn(what, &advice),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Finding::warn(
            format!("{what} does not exist"),
            "the first start makes it; if data should be there, check --data",
        ),
        Err(error) => Finding::fail(
            format!("{what} cannot be looked at ({error})"),
            "run as the owner of the directory",
        ),
    }
}

fn writable(dir: &Path) -> Finding {
    let access = rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    match rustix::fs::access(dir, access) {
        Ok(()) => Finding::ok("data directory can be written"),
        Err(error) => Finding::fail(
            format!("data directory cannot be written ({error})"),
            "run as its owner, or mount the file system for writing",
        ),
    }
}

fn space(dir: &Path) -> Finding {
    let Ok(system) = rustix::fs::statvfs(dir) else {
        return Finding::warn(
            "free space is not known",
            "check the file system of the data directory",
        );
    };
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    let what = format!("free space {} MiB", free / (1024 * 1024));
    match free {
        0..LITTLE => Finding::fail(what, "writes will fail soon; free some space"),
        LITTLE..SOME => Finding::warn(what, "free some space before writes fail"),
        _ => Finding::ok(what),
    }
}

fn master_key(source: &MasterKey, dir: &Path) -> Finding {
    let path = match source {
        MasterKey::Given(key) => {
            return fitting(Finding::ok("master key is given in the configuration"), key, dir);
        }
        MasterKey::File(path) => path.clone(),
        MasterKey::Generated => dir.join(MASTER_KEY_FILE),
    };
    let what = format!("master key {}", path.display());
    let made_later = matches!(source, MasterKey::Generated) && !path.exists();
    if made_later && dir.join(STORE_FILE).exists() {
        return Finding::fail(
            format!("{what} is gone, and the data is sealed with it"),
            "put it back from a backup, or give it as master_key.file",
        );
    }
    if made_later {
        return Finding::ok("master key will be made at the first start");
    }
    match (read_key(&path), loose(&path)) {
        (Err(error), _) => Finding::fail(what, &error.to_string()),
        (Ok(key), Some(advice)) => fitting(Finding::warn(what, &advice), &key, dir),
        (Ok(key), None) => fitting(Finding::ok(what), &key, dir),
    }
}

/// The finding, unless the data were sealed with another key. A database that cannot be read is told elsewhere.
fn fitting(finding: Finding, key: &[u8; 32], dir: &Path) -> Finding {
    let known = inspect::fact(&dir.join(STORE_FILE), bootstrap::KEY_CHECK);
    let keys = Keys::derive(&secret::MasterKey(*key));
    match (known, keys) {
        (Ok(Some(known)), Ok(keys)) if known != keys.check_value() => Finding::fail(
            "the data was sealed with another master key",
            "give the one it was made with (master_key.file, MERLON_MASTER_KEY__VALUE, or master.key in the data directory)",
        ),
        _ => finding,
    }
}

fn library() -> Finding {
    let (version, sound) = inspect::library();
    let what = format!("SQLite {version}");
    if sound {
        Finding::ok(what)
    } else {
        Finding::fail(
            what,
            "3.51.3 or newer is needed; older ones can corrupt a database under load",
        )
    }
}

fn database(path: &Path) -> Finding {
    if !path.exists() {
        return Finding::ok("database will be made at the first start");
    }
    let what = format!("database {}", path.display());
    let restore = "stop the server, keep a copy of the directory, and restore the last backup";
    match inspect::damage(path) {
        Ok(None) if inspect::is_unfinished(path).unwrap_or_default() => Finding::fail(
            format!("{what} is the target of a move that was not finished"),
            "run the same merlon migrate again, or begin anew with an empty directory",
        ),
        Ok(None) => Finding::ok(what),
        Ok(Some(report)) => Finding::fail(format!("{what} is damaged ({report})"), restore),
        Err(error) => Finding::fail(format!("{what} cannot be checked ({error})"), restore),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_database_that_is_none_fails() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(STORE_FILE);
        assert_eq!(database(&path).level, Level::Ok, "none yet");
        fs::write(
            &path,
            "this is no database at all, and long enough to be read as one",
        )
        .unwrap();
        assert_eq!(database(&path).level, Level::Fail);
    }

    #[test]
    fn a_missing_key_fails_only_when_there_is_data() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(master_key(&MasterKey::Generated, home.path()).level, Level::Ok);
        fs::write(home.path().join(STORE_FILE), "").unwrap();
        assert_eq!(master_key(&MasterKey::Generated, home.path()).level, Level::Fail);
        let key = home.path().join(MASTER_KEY_FILE);
        fs::write(&key, "k".repeat(32)).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(master_key(&MasterKey::Generated, home.path()).level, Level::Warn);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(master_key(&MasterKey::Generated, home.path()).level, Level::Ok);
        assert_eq!(
            master_key(&MasterKey::File(home.path().join("none")), home.path()).level,
            Level::Fail
        );
    }

    #[test]
    fn a_file_is_no_data_directory() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(directory(file.path()).level, Level::Fail);
        assert_eq!(directory(Path::new("/nowhere/at/all")).level, Level::Warn);
    }
}
