//! A contender that stays: a child that answers each line on its standard input with a line of JSON.

use crate::cpu::KilledOnDrop;
use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

/// A running child.
pub(crate) struct Contender {
    _child: KilledOnDrop,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Contender {
    /// Starts `command`, which `setup` prepares.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn start(command: &mut Command, setup: &str) -> Result<Self> {
        let program = command.get_program().to_owned();
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let child = child.with_context(|| format!("start {program:?}; {setup} makes it"))?;
        let mut child = KilledOnDrop(child);
        let input = child.0.stdin.take().context("a child without an input")?;
        let output = BufReader::new(child.0.stdout.take().context("a child without an output")?).lines();
        Ok(Self { _child: child, input, output })
    }

    /// Sends a line and reads the answer.
    ///
    /// # Errors
    /// If the child has ended, or answers something else.
    pub(crate) fn ask<T: DeserializeOwned>(&mut self, line: &str) -> Result<T> {
        writeln!(self.input, "{line}")?;
        let answer = self.output.next().context("a contender ended")??;
        serde_json::from_str(&answer).with_context(|| format!("a contender answered {answer:?}"))
    }
}
