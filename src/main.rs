//! argv, environment, clock, terminal, exit code: a match.

mod house;
mod terminal;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use clap::{CommandFactory, Parser};
use house::House;
use parution::cli::{Cli, Command};
use parution::run::{Ending, Fault};
use terminal::Terminal;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // A file over the limit of the shell (`ulimit -f`) is an error to tell, not the death by SIGXFSZ
    // that the system has in mind: with any handler in place, writing fails instead.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
    terminal::start_log(cli.global.log_format, cli.global.verbose);
    match obey(&cli) {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::Look) => ExitCode::from(1),
        Err(fault) => {
            // Standard error may be closed; the exit code still speaks.
            let _ = writeln!(std::io::stderr(), "parution: {fault}");
            ExitCode::from(2)
        }
    }
}

fn obey(cli: &Cli) -> Result<Ending, Fault> {
    let out = &mut Terminal::stdout();
    let house = || House::open(&cli.global, cli.global.now.unwrap_or_else(clock));
    match &cli.command {
        // These two work anywhere, site or not.
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "parution", out);
            Ok(Ending::Done)
        }
        Command::Man { folder } => {
            clap_mangen::generate_to(Cli::command(), folder)?;
            writeln!(out, "manual pages written to {}", folder.display())?;
            Ok(Ending::Done)
        }
        Command::Run(run) => house()?.run(run, out),
        Command::Feeds(feeds) => house()?.feeds(feeds, out),
        Command::Preview(preview) => house()?.preview(preview, out),
        Command::Send(send) => house()?.send(send, out),
        Command::Init => house()?.init(out),
        Command::Status(status) => house()?.status(status, out),
        Command::Bounces(bounces) => house()?.bounces(bounces, out),
        Command::Deliver(deliver) => house()?.deliver(deliver, out),
        Command::Backup(backup) => house()?.backup(backup, out),
        Command::Check(check) => house()?.check(check, out),
        Command::Dkim(verb) => house()?.dkim(verb, out),
        Command::Subscribers(verb) => house()?.subscribers(verb, out),
        Command::Serve(serve) => house()?.serve(serve, out),
        Command::Unsubscribe(unsubscribe) => house()?.unsubscribe(unsubscribe, out),
    }
}

/// The one place where the clock is read.
#[expect(clippy::disallowed_methods, reason = "this is the place")]
fn clock() -> DateTime<Utc> {
    Utc::now()
}
