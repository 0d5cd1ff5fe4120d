//! The command line: words, flags and examples. What the commands do is in `command`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// `merlon`.
#[derive(Debug, Parser)]
#[command(name = "merlon", version, max_term_width = 100, about = "An identity server for people and their factors", after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "First minutes:
  merlon start --dev                 start here, with an open inbox at /ui/inbox
  merlon inbox --follow              watch the messages (in a second terminal)
  cat merlon-data/automation.pat     a token that may do everything

For operation:
  merlon start --config merlon.yaml --data /var/lib/merlon --listen 0.0.0.0:8080
  merlon doctor --config merlon.yaml
  merlon migrate --from sqlite:merlon-data --to postgres://merlon:secret@db.internal/merlon
  MERLON_LOG=debug merlon start

Every setting: merlon config-reference";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the server
    ///
    /// Without any configuration it makes a data directory, an organization and an automation user, and prints where
    /// everything is. The last line, `ready http://ADDR:PORT`, appears when it serves. Ctrl-C or SIGTERM stop it after what it
    /// accepted is finished.
    #[command(after_help = "Examples:
  merlon start
  merlon start --dev --listen 127.0.0.1:0
  MERLON_SMTP__HOST=mail.example.com MERLON_SMTP__SENDER=no-reply@example.com merlon start")]
    Start(Start),
    /// Show the messages of the built-in inbox
    #[command(after_help = "Examples:
  merlon inbox
  merlon inbox --recipient +41791234567
  merlon inbox --follow")]
    Inbox(Inbox),
    /// Make a personal access token for a user
    ///
    /// The token alone goes to standard output, so that a script can take it.
    #[command(after_help = "Examples:
  merlon token --user 289201938475610114
  TOKEN=$(merlon token --user 289201938475610114 --expires 1h)")]
    Token(Token),
    /// Create users from a file, one JSON object a line
    ///
    /// Each line is what `POST /resources/v3alpha/users` takes. The users are created by the running server as its automation
    /// user; what it refuses is said with the number of the line. The exit code is 1 when something was refused or left over.
    #[command(after_help = "Examples:
  merlon import users.jsonl
  merlon import --org 289201938475610114 --rejected again.jsonl users.jsonl
  zcat users.jsonl.gz | merlon import --skip-existing -")]
    Import(Import),
    /// Move everything to PostgreSQL, or back to the embedded database
    ///
    /// All servers are stopped meanwhile. The target is empty, or what an interrupted move left: then that is gone on with. In the
    /// end every table is read from both databases and compared; until it was, the target is not served. The source is not
    /// changed. `postgres` alone is the database of the configuration, whose URL then shows in no list of processes.
    #[command(after_help = "Examples:
  merlon migrate --from sqlite:merlon-data --to postgres://merlon:secret@db.internal/merlon
  merlon migrate --config merlon.yaml --from sqlite:/var/lib/merlon --to postgres
  merlon migrate --config merlon.yaml --from postgres --to sqlite:/var/lib/merlon")]
    Migrate(Migrate),
    /// Check data directory, clock, port, master key, database and providers
    ///
    /// Each check is one line: ok, warn or fail, what was looked at, and what to do. The exit code is 1 when one failed.
    #[command(after_help = "Examples:
  merlon doctor
  merlon doctor --config merlon.yaml")]
    Doctor(Place),
    /// Print the reference of all settings
    ConfigReference,
}

/// Where the configuration and the data are.
#[derive(Clone, Debug, Args)]
pub struct Place {
    /// Configuration file (YAML)
    #[arg(long, value_name = "FILE", env = "MERLON_CONFIG")]
    pub config: Option<PathBuf>,
    /// Data directory [default: ./merlon-data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<String>,
}

/// `merlon start`.
#[derive(Debug, Args)]
pub struct Start {
    /// Where.
    #[command(flatten)]
    pub place: Place,
    /// Address and port; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<String>,
    /// For trying out: everybody who reaches the server may look at the page of the inbox
    #[arg(long)]
    pub dev: bool,
    /// Makes a further automation user whose token takes the place of automation.pat: for when that was lost
    #[arg(long)]
    pub new_automation_user: bool,
}

/// `merlon inbox`.
#[derive(Debug, Args)]
pub struct Inbox {
    /// Where.
    #[command(flatten)]
    pub place: Place,
    /// Only messages to this number or address
    #[arg(long, value_name = "NUMBER|ADDRESS")]
    pub recipient: Option<String>,
    /// Stay and show new messages as they come
    #[arg(long, short)]
    pub follow: bool,
}

/// `merlon token`.
#[derive(Debug, Args)]
pub struct Token {
    /// Where.
    #[command(flatten)]
    pub place: Place,
    /// Id of the user
    #[arg(long, value_name = "ID")]
    pub user: String,
    /// How long it is valid: 12h, 30d
    #[arg(long, value_name = "TIME", default_value = "30d")]
    pub expires: String,
}

/// `merlon import`.
#[derive(Debug, Args)]
pub struct Import {
    /// Where.
    #[command(flatten)]
    pub place: Place,
    /// JSON Lines; - is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Id of the organization that will own the users [default: that of the automation user]
    #[arg(long, value_name = "ID")]
    pub org: Option<String>,
    /// Writes lines that were refused here, as they were
    #[arg(long, value_name = "FILE")]
    pub rejected: Option<PathBuf>,
    /// Lines of users whose `userId` is there already count as done
    #[arg(long)]
    pub skip_existing: bool,
    /// First line to take, to go on where an import stopped
    #[arg(long, value_name = "LINE", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub from: u64,
    /// Requests in flight, of up to 100 lines each
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub connections: u16,
}

/// `merlon migrate`.
#[derive(Args)]
pub struct Migrate {
    /// Configuration file (YAML): its section `database` says how the server is reached
    #[arg(long, value_name = "FILE", env = "MERLON_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where everything is: sqlite:DIRECTORY, sqlite:FILE, a postgres:// URL, or postgres
    #[arg(long, value_name = "DATABASE")]
    pub from: String,
    /// Where it goes: an empty database of the other kind
    #[arg(long, value_name = "DATABASE")]
    pub to: String,
}

impl std::fmt::Debug for Migrate {
    /// A URL may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Migrate(..)")
    }
}
