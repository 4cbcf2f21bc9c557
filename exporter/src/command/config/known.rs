//! What a configuration file may say, by clap's definitions of options and the list of the export's settings.

use std::error::Error;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command};

use crate::command::filtering;
use crate::export::{FileSetting, Setting};

/// The option that names the file itself.
const ITSELF: &str = "config";
/// How alike two keys are that may be meant for each other; clap's own limit for flags.
const ALIKE: f64 = 0.7;

/// All keys.
pub(super) struct Known {
    options: Vec<Arg>,
    settings: Vec<FileSetting>,
}

impl Known {
    /// The options of a command that can be set for good: those that have a variable.
    pub(super) fn new(run: &Command) -> Self {
        let for_good = |option: &&Arg| option.get_env().is_some() && option.get_long() != Some(ITSELF);
        Self {
            options: run.get_arguments().filter(for_good).cloned().collect(),
            settings: FileSetting::all(),
        }
    }

    pub(super) fn option(&self, key: &str) -> Option<&Arg> {
        self.options.iter().find(|option| option.get_long() == Some(key))
    }

    pub(super) fn setting(&self, path: &str) -> Option<&FileSetting> {
        self.settings.iter().find(|setting| setting.path == path)
    }

    pub(super) fn is_section(&self, path: &str) -> bool {
        let inside =
            |setting: &FileSetting| setting.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
        self.settings.iter().any(inside)
    }

    /// The paths of all keys.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        let options = self.options.iter().filter_map(Arg::get_long);
        options.chain(self.settings.iter().map(|setting| setting.path.as_str()))
    }

    /// The key that may be meant: one that is alike, with its section or without, or that of a flag or a variable.
    pub(super) fn nearest(&self, path: &str) -> Option<String> {
        let wanted = path.to_ascii_lowercase().replace('_', "-");
        let last = |path: &str| path.rsplit('.').next().unwrap_or(path).to_owned();
        let of_variable = self.settings.iter().find(|setting| setting.variable.eq_ignore_ascii_case(path));
        let of_flag = Setting::flags().find(|setting| setting.flag() == wanted);
        let same = of_variable.or_else(|| {
            self.settings
                .iter()
                .find(|known| Some(&known.variable) == of_flag.map(Setting::variable).as_ref())
        });
        if let Some(setting) = same {
            return Some(setting.path.clone());
        }
        let alike = self.paths().map(|known| {
            let with_section = strsim::jaro(&wanted, known);
            // A key that is in the wrong section is as good as one that is nearly right.
            let without = if last(&wanted) == last(known) { 1.0 } else { 0.0 };
            (with_section.max(without), known)
        });
        // Of equals the first: it is for all signals.
        let (likeness, known) = alike.reduce(|best, next| if next.0 > best.0 { next } else { best })?;
        (likeness > ALIKE).then(|| known.to_owned())
    }
}

pub(super) fn takes_list(option: &Arg) -> bool {
    matches!(option.get_action(), ArgAction::Append)
}

/// Why the option does not take the values, if it does not.
pub(super) fn refused(option: &Arg, values: &[String]) -> Option<String> {
    let name = option.get_long()?;
    let alone = Command::new(ITSELF).no_binary_name(true).disable_help_flag(true);
    let line = values.iter().map(|value| format!("--{name}={value}"));
    let matches = alone.arg(option.clone().env(None::<&'static str>)).try_get_matches_from(line);
    let Err(error) = matches else {
        let rules = (name == filtering::FILTER).then(|| filtering::rules(values).err()).flatten();
        return rules.map(|error| error.to_string());
    };
    let words = error.get(ContextKind::ValidValue);
    Some(match (error.kind(), words, error.source()) {
        (ErrorKind::InvalidValue, Some(ContextValue::Strings(words)), _) if !words.is_empty() => {
            format!("write one of {}", words.join(", "))
        }
        (_, _, Some(source)) => source.to_string(),
        (kind, ..) => kind.to_string(),
    })
}
