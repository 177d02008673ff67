//! The `reelsmith` binary: reads the command line, does it, tells how it ended.

use clap::Parser;
use reelsmith_api::cli::Cli;
use reelsmith_api::commands;
use std::process::ExitCode;

fn main() -> ExitCode {
    commands::run(Cli::parse())
}
