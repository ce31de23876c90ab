//! The command line: argv to a value, no behaviour.
//!
//! Each command is one verb of a person's day. What a command does is in `run`; what it is given
//! besides is in `config`.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

/// From a folder of Jekyll or Siteleaf articles to feeds that last and an e-mail digest that
/// arrives once.
#[derive(Debug, Parser)]
#[command(name = "parution", version, arg_required_else_help = true, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Exit codes: 0 done, or nothing to do; 1 done, but someone must look; 2 could not run.
What parution reads is looked for beside parution.yml; what it writes (feeds, outbox,
ledger) goes below the folder it is started in, unless parution.yml says otherwise.";

/// What every command understands.
#[derive(Debug, Args)]
pub struct Global {
    /// The site's folder, which holds _config.yml [default: this folder if it is a site, else content/]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub site: Option<PathBuf>,

    /// The settings [default: parution.yml in the site's folder, if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Act as if it were this instant, such as 2026-11-20T08:00:00Z
    #[arg(long, global = true, value_name = "INSTANT", value_parser = instant)]
    pub now: Option<DateTime<Utc>>,

    /// Take over a ledger that another machine used last (which must not send any more), or that
    /// was restored from a backup
    #[arg(long, global = true)]
    pub adopt: bool,

    /// Say more: why each article was left out; twice for each step
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// How log lines are written to standard error
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// One verb of a person's day.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// What cron calls: feeds, then what waits, then a digest if one is due
    Run(Run),
    /// Build and publish the feeds
    Feeds(Feeds),
    /// Write the next digest to look at, and say why each recent article is in or out
    Preview(Preview),
    /// Cut the next digest now and deliver it
    Send(Send),
    /// Deliver what is open, and nothing else: any number of workers share one PostgreSQL ledger
    Deliver(Deliver),
    /// Copy the ledger's file, whole, while others use it
    Backup(Backup),
    /// The list of subscribers
    #[command(subcommand)]
    Subscribers(Subscribers),
    /// The HTTP service: subscribe, confirm, choose, leave, the archive, the feeds
    Serve(Serve),
    /// Take off the list who asked so by mail (the mailto: link of each letter)
    Unsubscribe(Unsubscribe),
    /// Where each digest stands: who has it, what waits and why
    Status(Status),
    /// Take off the list whose mail comes back, or who complained
    Bounces(Bounces),
    /// Every problem of the site, with file, line and remedy
    Check(Check),
    /// The keys that letters are signed with
    #[command(subcommand)]
    Dkim(Dkim),
    /// Write a parution.yml for this site, with every setting and its default
    Init,
    /// Write the completions of a shell to standard output
    Completions { shell: clap_complete::Shell },
    /// Write the manual pages into a folder
    Man { folder: PathBuf },
}

/// `parution run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Go on where parution would stop and ask: many new articles, many gone, a stale digest
    #[arg(long)]
    pub yes: bool,
    /// Write what was delivered into a file, as JSON
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// `parution feeds`.
#[derive(Debug, Args)]
pub struct Feeds {
    /// Publish even if the identity of a published article changes, or most entries vanish
    #[arg(long)]
    pub force: bool,
    /// Print the <link> tags for the site's pages that let browsers find the feeds, and stop
    #[arg(long, conflicts_with = "force")]
    pub discovery: bool,
}

/// `parution preview`.
#[derive(Debug, Args)]
pub struct Preview {
    /// Where digest.html, digest.txt and digest.eml are written
    #[arg(long, value_name = "FOLDER", default_value = "preview")]
    pub out: PathBuf,
    /// Open it in the browser
    #[arg(long)]
    pub open: bool,
    /// Show it on a page of this machine that follows the articles [default port: a free one]
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "0")]
    pub serve: Option<u16>,
}

/// `parution dkim …`.
#[derive(Debug, Subcommand)]
pub enum Dkim {
    /// Make an RSA and an Ed25519 key, and print the DNS records to publish
    Keygen {
        /// The domain of the sender's address [default: that of list.from]
        #[arg(long)]
        domain: Option<String>,
        /// What the selectors begin with [default: p and the month, such as p202611]
        #[arg(long, value_name = "NAME")]
        selector: Option<String>,
        /// Where the private keys are written, for their owner only
        #[arg(long, value_name = "FOLDER", default_value = "dkim")]
        folder: PathBuf,
    },
}

/// `parution send`.
#[derive(Debug, Args)]
#[command(group = decision())]
pub struct Send {
    /// Send the letter to these addresses only, marked [TEST]; no state changes
    #[arg(long, value_name = "ADDRESS", num_args = 1.., conflicts_with = "dry_run")]
    pub test: Vec<String>,
    /// Say what would be sent to how many, and stop
    #[arg(long)]
    pub dry_run: bool,
    /// These articles and no others, by file or address; they stay news for scheduled digests
    #[arg(long, value_name = "ARTICLE", num_args = 1..)]
    pub articles: Vec<String>,
    /// Names a digest of chosen articles; each name is sent once [default: the day and the articles]
    #[arg(long, requires = "articles")]
    pub name: Option<String>,
    /// The subject, in place of the usual one
    #[arg(long)]
    pub subject: Option<String>,
    /// The line that mail programs show beside the subject
    #[arg(long, value_name = "TEXT")]
    pub preheader: Option<String>,
    /// An introduction in Markdown
    #[arg(long, value_name = "FILE")]
    pub intro: Option<PathBuf>,
    /// Go on where parution would stop and ask
    #[arg(long)]
    pub yes: bool,
    /// Write what was delivered into a file, as JSON
    #[arg(long, value_name = "FILE", conflicts_with_all = ["test", "dry_run"])]
    pub report: Option<PathBuf>,
    /// Send a letter that parution finds unfit
    #[arg(long)]
    pub force: bool,
    /// Send the latest digest again to those it was refused for, as far as they are still readers
    #[arg(long, group = "decision")]
    pub resend_failed: bool,
    /// Send letters again that may have arrived
    #[arg(long, group = "decision")]
    pub resend_in_doubt: bool,
    /// Take letters that may have arrived as delivered
    #[arg(long, group = "decision")]
    pub accept_in_doubt: bool,
    /// Let paused digests go on
    #[arg(long, group = "decision")]
    pub resume: bool,
    /// Never send what is still open of this digest
    #[arg(long, value_name = "DIGEST", group = "decision")]
    pub stop: Option<i64>,
}

/// `parution subscribers …`.
#[derive(Debug, Subcommand)]
pub enum Subscribers {
    /// Add everyone in a list: CSV of Mailchimp, Brevo, listmonk or a spreadsheet, a dump of Sympa, or
    /// one address a line
    Import(ImportSubscribers),
    /// Add one person
    Add {
        address: String,
        /// The person's name
        #[arg(long, default_value = "")]
        name: String,
        /// The legal basis: why this person may be written to
        #[arg(long, value_name = "TEXT")]
        consent: String,
    },
    /// Take one person off the list; no import brings them back
    Remove { address: String },
    /// Print the list
    List {
        #[command(flatten)]
        filter: SubscriberFilter,
        /// For a script
        #[arg(long)]
        json: bool,
    },
    /// Write the list to a file, as CSV that is safe for spreadsheets, or as JSON
    Export {
        /// Where to write; the format follows its name (.csv or .json) [default: CSV to standard output]
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        #[command(flatten)]
        filter: SubscriberFilter,
    },
    /// Print all that is known of one person, with the proof of consent and the history
    Show {
        address: String,
        /// For a script
        #[arg(long)]
        json: bool,
    },
    /// Erase one person, and keep a fingerprint so that no import brings them back
    Forget { address: String },
    /// Never write to this address again, whatever any list or form says
    Suppress {
        address: String,
        /// End the suppression instead
        #[arg(long)]
        lift: bool,
    },
    /// The list in numbers: standings, topics, languages, months
    Stats {
        /// For a script
        #[arg(long)]
        json: bool,
    },
}

/// `parution subscribers import`.
#[derive(Debug, Args)]
pub struct ImportSubscribers {
    /// The list; - for standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The legal basis: why these people may be written to; kept with each of them
    #[arg(long, value_name = "TEXT")]
    pub consent: String,
    /// Say what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Which column means what, such as email="Adresse de contact"; for columns not recognised
    #[arg(long = "column", value_name = "MEANING=NAME")]
    pub columns: Vec<String>,
    /// The list's encoding, such as windows-1252 [default: detected]
    #[arg(long, value_name = "NAME")]
    pub encoding: Option<String>,
    /// The standing of everyone on the list, when it is a list of people who left or bounced
    #[arg(long = "as", value_name = "STANDING", value_parser = ["confirmed", "pending", "bouncing", "left", "complained"])]
    pub standing: Option<String>,
}

/// Which subscribers.
#[derive(Debug, Args)]
pub struct SubscriberFilter {
    /// Only people of this standing
    #[arg(long, value_parser = ["confirmed", "pending", "bouncing", "left", "complained"])]
    pub standing: Option<String>,
    /// Only people who chose this topic
    #[arg(long)]
    pub topic: Option<String>,
    /// Only addresses that contain this
    #[arg(long, value_name = "TEXT")]
    pub matching: Option<String>,
    /// Only people who came this way: "form", "command line", "import list.csv"
    #[arg(long, value_name = "WAY")]
    pub origin: Option<String>,
    /// Only people who joined since this instant
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub since: Option<DateTime<Utc>>,
    /// Only people who joined before this instant
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub until: Option<DateTime<Utc>>,
}

/// `parution serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where to listen, over `serve.listen` of the settings; sockets that systemd opened come first
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// Print the form to paste into a page of the site, in this language, and stop
    #[arg(long, value_name = "LANGUAGE", value_parser = ["fr", "en"])]
    pub form: Option<String>,
}

/// `parution unsubscribe`.
#[derive(Debug, Args)]
pub struct Unsubscribe {
    /// A Maildir, whose new letters are read and marked as seen; - for one letter on standard input
    #[arg(value_name = "MAILBOX")]
    pub mailbox: PathBuf,
}

/// `parution deliver`.
#[derive(Debug, Args)]
pub struct Deliver {
    /// Write what was delivered into a file, as JSON
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// `parution backup`.
#[derive(Debug, Args)]
pub struct Backup {
    /// The copy; must not exist yet
    pub file: PathBuf,
}

/// `parution status`.
#[derive(Debug, Args)]
pub struct Status {
    /// For a script
    #[arg(long)]
    pub json: bool,
    /// For monitoring, in the text format of Prometheus
    #[arg(long, conflicts_with = "json")]
    pub metrics: bool,
}

/// `parution bounces`.
#[derive(Debug, Args)]
pub struct Bounces {
    /// A Maildir, an mbox file, or - for standard input, as a mail server pipes it
    pub mailbox: PathBuf,
}

/// `parution check`.
#[derive(Debug, Args)]
pub struct Check {
    /// For a script
    #[arg(long)]
    pub json: bool,
}

/// What a person decides about digests that were cut before: one thing at a time, and nothing that
/// is about the next digest beside it.
fn decision() -> ArgGroup {
    ArgGroup::new("decision").conflicts_with_all([
        "test",
        "dry_run",
        "articles",
        "name",
        "subject",
        "preheader",
        "intro",
        "force",
    ])
}

fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|at| at.with_timezone(&Utc))
        .ok()
        .filter(|at| (1990..=2200).contains(&chrono::Datelike::year(at)))
        .ok_or_else(|| "an instant looks like 2026-11-20T08:00:00Z (RFC 3339)".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
