//! The model keeps the rules, the rules reject what they should, and the committed files follow from the model.

mod generated;
#[path = "../../generator/mod.rs"]
mod generator;
mod rules;
mod users;
