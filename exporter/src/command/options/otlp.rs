//! Flags that say where and how to export. They have no variables here, as theirs are OpenTelemetry's: [`Sources`] puts one before
//! the other.
//!
//! [`Sources`]: crate::export::Sources

use std::time::Duration;

use clap::builder::{PossibleValuesParser, ValueParser};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};

use crate::command::value;
use crate::export::{Form, Given, Setting};

/// What the command line says of the export.
#[derive(Clone, Debug, Default)]
pub struct OtlpOptions {
    pub(in crate::command) given: Given,
}

fn argument(setting: Setting) -> Arg {
    let (name, parser) = match setting.form {
        Form::Text | Form::Pairs => ("TEXT", ValueParser::string()),
        Form::Word(words) => ("WORD", PossibleValuesParser::new(words).into()),
        Form::Boolean => ("BOOL", ValueParser::bool()),
        Form::Duration => ("DURATION", ValueParser::new(value::duration)),
    };
    Arg::new(setting.flag())
        .long(setting.flag())
        .value_name(name)
        .value_parser(parser)
        .help(format!("{} [env: {}]", setting.meaning, setting.variable()))
        .help_heading("Export")
}

/// What a flag says, in the form of its variable.
fn said(setting: Setting, matches: &ArgMatches) -> Option<String> {
    let flag = setting.flag();
    if matches.value_source(&flag) != Some(ValueSource::CommandLine) {
        return None;
    }
    match setting.form {
        Form::Boolean => matches.get_one(&flag).map(bool::to_string),
        Form::Duration => matches.get_one(&flag).map(milliseconds),
        Form::Text | Form::Word(_) | Form::Pairs => matches.get_one(&flag).cloned(),
    }
}

/// As variables have them.
pub(in crate::command) fn milliseconds(duration: &Duration) -> String {
    duration.as_millis().to_string()
}

impl Args for OtlpOptions {
    fn augment_args(command: Command) -> Command {
        command.args(Setting::flags().map(argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for OtlpOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut options = Self::default();
        options.update_from_arg_matches(matches)?;
        Ok(options)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        for setting in Setting::flags() {
            if let Some(value) = said(setting, matches) {
                self.given.note(setting.variable(), format!("--{}", setting.flag()), value);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::command::{Cli, Command};
    use crate::export::Source;

    #[test]
    fn flags_say_what_their_variables_would() {
        let line = [
            "x",
            "run",
            "--otlp-endpoint",
            "collector:4317",
            "--otlp-protocol=grpc",
            "--otlp-timeout",
            "1m",
            "--otlp-compression=zstd",
            "--otlp-insecure",
            "--otlp-certificate",
            "ca.pem",
        ];
        let Command::Run(run) = Cli::parse_from(line).command else { panic!("run") };
        for (setting, value) in [
            ("ENDPOINT", "collector:4317"),
            ("PROTOCOL", "grpc"),
            ("TIMEOUT", "60000"),
            ("COMPRESSION", "zstd"),
            ("INSECURE", "true"),
            ("CERTIFICATE", "ca.pem"),
        ] {
            let variable = format!("OTEL_EXPORTER_OTLP_{setting}");
            let said = run.otlp.given.first(&[&variable]).unwrap();
            let flag = format!("--otlp-{}", setting.to_lowercase());
            assert_eq!((said.value.as_str(), said.place), (value, flag));
        }
        assert!(run.otlp.given.first(&["OTEL_EXPORTER_OTLP_CLIENT_KEY"]).is_none(), "nobody said it");
    }

    #[test]
    fn secrets_have_no_flag_and_wrong_words_are_told() {
        let error = |line: [&str; 4]| Cli::try_parse_from(line).unwrap_err().to_string();
        assert!(error(["x", "run", "--otlp-headers", "a=b"]).contains("unexpected argument"));
        let wrong = error(["x", "check", "--otlp-protocol", "http/json"]);
        assert!(wrong.contains("--otlp-protocol") && wrong.contains("http/protobuf"), "{wrong}");
    }
}
