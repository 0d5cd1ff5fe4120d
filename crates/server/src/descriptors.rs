//! How many files the system lets this process have open, sockets included, and how many connections that leaves room for.

use std::fmt;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Settings;

/// Files beside the connections: those of the embedded database, the services that are called, what the runtime needs. Where little is
/// allowed, half of it.
const RESERVE: u64 = 256;

/// Takes as much as the system grants. Many start programs with less, for the sake of some that cannot do with more.
pub(crate) fn raise() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: maximum,
        maximum,
    };
    // Where the system does not grant what it says, all stays as it was, and what that means is told.
    let _ = setrlimit(Resource::Nofile, all);
}

/// Fewer files may be open than the configured connections need.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shortage {
    files: u64,
    wanted: usize,
    served: usize,
}

impl Shortage {
    /// What to do.
    pub(crate) const ADVICE: &str = "raise the limit of open files (ulimit -n, LimitNOFILE= of a systemd unit, --ulimit nofile= of a \
         container), or lower server.max_connections";

    /// That of this process, if there is one; from then on the settings are what there is room for.
    pub(crate) fn allowed_for(settings: &mut Settings) -> Option<Self> {
        let shortage = Self::of(settings, getrlimit(Resource::Nofile).current)?;
        settings.server.max_connections = shortage.served;
        Some(shortage)
    }

    /// That of a server that takes as much as it gets.
    pub(crate) fn at_most(settings: &Settings) -> Option<Self> {
        Self::of(settings, getrlimit(Resource::Nofile).maximum)
    }

    fn of(settings: &Settings, files: Option<u64>) -> Option<Self> {
        let (files, wanted) = (files?, settings.server.max_connections);
        let options = settings.database.as_ref().map(|database| &database.options);
        let database = options.map_or(0, |options| options.readers + options.lanes);
        let reserve = RESERVE.saturating_add(u64::try_from(database).ok()?);
        let room = files - reserve.min(files / 2);
        let served = usize::try_from(room).unwrap_or(usize::MAX).max(1);
        (served < wanted).then_some(Self {
            files,
            wanted,
            served,
        })
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "only {} files may be open at once, sockets included, so {} connections are served at once instead of the {} of \
             server.max_connections; further ones wait",
            self.files, self.served, self.wanted
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    #[test]
    fn connections_leave_room_for_what_the_server_needs_itself() {
        let settings = |variables: &[(&str, &str)]| {
            let environment = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
            let sources = Sources {
                environment: environment.collect(),
                ..Sources::default()
            };
            Settings::load(sources).unwrap()
        };
        let served =
            |settings: &Settings, files| Shortage::of(settings, files).map(|shortage| shortage.served);
        let embedded = settings(&[]);
        assert_eq!(served(&embedded, None), None);
        assert_eq!(served(&embedded, Some(524_288)), None);
        assert_eq!(served(&embedded, Some(10_256)), None);
        assert_eq!(served(&embedded, Some(10_255)), Some(9_999));
        assert_eq!(served(&embedded, Some(1_024)), Some(768));
        assert_eq!(served(&embedded, Some(100)), Some(50));
        assert_eq!(served(&embedded, Some(0)), Some(1));
        let shared = settings(&[("MERLON_DATABASE__URL", "postgres://db/merlon")]);
        assert_eq!(served(&shared, Some(1_024)), Some(748));
    }
}
