//! The command line of tenure.

mod answer;
#[expect(clippy::doc_markdown, reason = "clap shows these comments to people, who would see the backticks")]
mod args;
mod command;
mod error;
mod excerpt;
mod findings;
mod interrupt;
mod lang;
mod log_pass;
mod progress;
mod question;
mod source;
mod table;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Cli, Command};
use command::Talk;
use error::CliError;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let talk = Talk { lang: cli.lang.unwrap_or_default(), quiet: cli.quiet };
    run(&cli, talk).unwrap_or_else(|error| error.report())
}

fn run(cli: &Cli, talk: Talk) -> Result<ExitCode, CliError> {
    match &cli.command {
        Command::Demo(args) => command::demo::run(args, talk),
        Command::Import(args) => command::import::run(args, talk),
        Command::Log(args) => command::log::run(args),
        Command::Customer(args) => command::customer::run(args, talk),
        Command::Stages(args) => command::stages::run(args, talk),
        Command::Rfm(args) => command::rfm::run(args, talk),
        Command::Churn(args) => command::churn::run(args, talk),
        Command::Report(args) => command::report::run(args, talk),
        Command::Replay(args) => command::replay::run(args, talk),
        Command::Verify(args) => command::verify::run(args, talk),
        Command::Backup(args) => command::backup::run(args, talk),
        Command::Void(args) => command::void::run(args, talk),
        Command::Erase(args) => command::erase::run(args, talk),
        Command::Quarantine(args) => command::quarantine::run(args, talk),
        Command::Revenue(args) => command::revenue::run(args, talk),
        Command::Fit(args) => command::fit::run(args, talk),
        Command::Diff(args) => command::diff::run(args, talk),
        Command::Backtest(args) => command::backtest::run(args, talk),
        Command::Acquisition(args) => command::acquisition::run(args, talk),
        Command::Mrr(args) => command::mrr::run(args, talk),
        Command::Survival(args) => command::survival::run(args, talk),
        Command::Clv(args) => command::clv::run(args, talk),
        Command::Query(args) => command::query::run(args, talk),
        Command::Funnel(args) => command::query::funnel(args, talk),
        Command::Retention(args) => command::query::retention(args, talk),
        Command::Lifecycle(args) => command::query::lifecycle(args, talk),
        Command::Completions { shell } => {
            // Into memory first: written straight to a closed pipe it would panic.
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "tenure", &mut script);
            answer::print(&String::from_utf8_lossy(&script))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Simulate(args) => command::simulate::run(args, talk),
        Command::Check(args) => command::check::run(args, talk),
        Command::Policy(args) => command::policy::run(args, talk),
        Command::Doctor(args) => command::doctor::run(args, cli.lang, talk),
        Command::Quality(args) => command::quality::run(args, talk),
    }
}
