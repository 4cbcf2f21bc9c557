//! What is known of a flow's application, as attributes.

use std::borrow::Cow;

use semconv::attribute;
use smallvec::SmallVec;

use crate::flow::attributes::{AttributeSink, integer};
use crate::flow::{Application, Dns, Question, text};

/// Gives what the first bytes said.
pub(super) fn application(application: &Application, sink: &mut impl AttributeSink) {
    sink.text(attribute::NETWORK_FLOW_ENCRYPTION, application.encryption());
    if let Some(protocol) = application.protocol() {
        sink.text(attribute::NETWORK_PROTOCOL_NAME, protocol.name());
    }
    if let Some(version) = application.version() {
        sink.text(attribute::NETWORK_PROTOCOL_VERSION, version);
    }
    if let Some(dns) = application.dns() {
        self::dns(dns, sink);
    }
    let Some(tls) = application.tls() else { return };
    if let Some(version) = tls.version {
        sink.text(attribute::TLS_PROTOCOL_NAME, version.family());
        sink.text(attribute::TLS_PROTOCOL_VERSION, version.number());
    }
    if let Some(name) = &tls.server_name {
        sink.text(attribute::SERVER_ADDRESS, name);
    }
    if let Some(name) = &tls.next_protocol {
        sink.text(attribute::TLS_NEXT_PROTOCOL, name);
    }
    if !tls.offered.is_empty() {
        sink.texts(attribute::NETWORK_TLS_OFFERED_PROTOCOLS, tls.offered.iter().map(|name| &**name));
    }
}

fn dns(dns: &Dns, sink: &mut impl AttributeSink) {
    let Some(worst) = dns.worst() else { return };
    sink.text(attribute::DNS_QUESTION_NAME, worst.name());
    sink.text(attribute::NETWORK_DNS_QUESTION_TYPE, &kind(worst));
    if let Some(code) = code(worst) {
        sink.text(attribute::NETWORK_DNS_RESPONSE_CODE, &code);
    }
    if let Some(duration) = worst.duration() {
        sink.double(attribute::NETWORK_DNS_DURATION, duration.as_secs_f64());
    }
    let questions = dns.questions();
    if questions.clone().nth(1).is_some() {
        sink.texts(attribute::NETWORK_DNS_QUESTIONS_NAME, questions.clone().map(Question::name));
        let kinds: SmallVec<[_; 8]> = questions.clone().map(kind).collect();
        sink.texts(attribute::NETWORK_DNS_QUESTIONS_TYPE, kinds.iter().map(|kind| &**kind));
        let codes: SmallVec<[_; 8]> =
            questions.clone().map(|question| code(question).unwrap_or_default()).collect();
        sink.texts(attribute::NETWORK_DNS_QUESTIONS_RESPONSE_CODE, codes.iter().map(|code| &**code));
        let duration = |question: &Question| question.duration().map_or(-1.0, |time| time.as_secs_f64());
        sink.doubles(attribute::NETWORK_DNS_QUESTIONS_DURATION, questions.map(duration));
    }
    if let Some(count) = dns.queries() {
        sink.int(attribute::NETWORK_DNS_QUESTIONS_COUNT, integer(count));
    }
}

/// By its name, or its number if it is an unusual one.
fn kind(question: &Question) -> Cow<'static, str> {
    question
        .kind_name()
        .map_or_else(|| str::to_owned(&text::decimal(question.kind().into())).into(), Cow::from)
}

/// By its name, or its number if it is an unusual one; none without an answer.
fn code(question: &Question) -> Option<Cow<'static, str>> {
    let code = question.code()?;
    Some(question.code_name().map_or_else(|| str::to_owned(&text::decimal(code.into())).into(), Cow::from))
}
