//! Section `inbox`: messages shown in the product itself, for the first minutes and for tests.

use super::key::{Form, Key};
use super::reader::Reader;

const CAPTURE: Key = Key::new(
    "inbox.capture",
    Form::Choice(&["auto", "off"]),
    "auto",
    "`auto` takes the messages of every channel that has no other way of delivery; `off` refuses to send them.",
);
const ACCESS: Key = Key::unset(
    "inbox.access",
    Form::Choice(&["admin", "open"]),
    "Who may look at the page: administrators, or everybody who reaches the server. The API always asks for a token. Default: `admin`, and \
     `open` with `--dev`.",
);
pub(super) const KEYS: &[&Key] = &[&CAPTURE, &ACCESS];

/// What the inbox takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capture {
    /// Channels without another way of delivery.
    Auto,
    /// Nothing.
    Off,
}

/// Who may look into the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Administrators.
    Admin,
    /// Everybody who reaches the server.
    Open,
}

/// The built-in inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbox {
    /// What it takes.
    pub capture: Capture,
    /// Who may look.
    pub access: Access,
}

impl Inbox {
    pub(super) fn read(reader: &mut Reader, dev: bool) -> Option<Self> {
        let access = if reader.is_written(&ACCESS) {
            reader.choice(&ACCESS, &[Access::Admin, Access::Open])?
        } else if dev {
            Access::Open
        } else {
            Access::Admin
        };
        Some(Self {
            capture: reader.choice(&CAPTURE, &[Capture::Auto, Capture::Off])?,
            access,
        })
    }
}
