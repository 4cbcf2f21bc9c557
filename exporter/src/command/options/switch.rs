//! Options that are on or off: each has the same form on the command line, in the environment and in the configuration file.

use clap::builder::{BoolishValueParser, ValueParser};
use clap::{Arg, ArgAction, Command};

/// Gives every option of a command whose value is a `bool` the form `--option[=BOOL]`: so that what the environment or the file
/// turned on can be turned off, and the other way round.
pub(in crate::command) fn with_switches(command: Command) -> Command {
    command.mut_args(|argument| if is_switch(&argument) { switch(argument) } else { argument })
}

fn is_switch(argument: &Arg) -> bool {
    argument.get_value_parser().type_id() == ValueParser::bool().type_id()
}

fn switch(argument: Arg) -> Arg {
    argument
        .value_name("BOOL")
        .action(ArgAction::Set)
        .num_args(0..=1)
        // Else it would take what comes next on the line.
        .require_equals(true)
        .default_missing_value("true")
        .value_parser(BoolishValueParser::new())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::command::{Cli, Command};

    #[test]
    fn every_switch_is_turned_on_and_off_in_the_same_way() {
        let parse = |line: &[&str]| match Cli::parse_from([&["x", "run"], line].concat()).command {
            Command::Run(run) => run,
            _ => panic!("run"),
        };
        let of = |line: &[&str]| {
            let run = parse(line);
            [
                run.common.loopback,
                run.common.path,
                run.common.facts,
                run.common.tcp_quality,
                run.common.community_id,
                run.own_traffic,
                run.telemetry.self_telemetry,
            ]
        };
        assert_eq!(of(&[]), [false, true, true, true, false, false, true]);
        let names =
            ["loopback", "path", "facts", "tcp-quality", "community-id", "own-traffic", "self-telemetry"];
        let all = |end: &str| names.map(|name| format!("--{name}{end}"));
        for (end, expected) in [("", true), ("=true", true), ("=off", false), ("=0", false)] {
            let line = all(end);
            assert_eq!(of(&line.each_ref().map(String::as_str)), [expected; 7], "{end:?}");
        }
        assert!(Cli::try_parse_from(["x", "run", "--path", "false"]).is_err(), "nothing takes the next word");
    }
}
