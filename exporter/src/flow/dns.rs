//! Questions to DNS and their answers.

use std::time::Duration;

use crate::clock::MonotonicTime;

/// Questions that a record tells one by one.
const MOST: usize = 8;

/// A DNS message, as far as it is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsMessage {
    /// By which an answer is known to be that to a query.
    pub id: u16,
    /// The name that is asked for, in lower case.
    pub name: Box<str>,
    /// The type that is asked for (IANA "Resource Record (RR) TYPEs").
    pub kind: u16,
    /// Of an answer, the response code; `None` of a query.
    pub code: Option<u8>,
}

/// The questions of a flow that its next record tells, and those whose answers are awaited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dns {
    /// In the order in which they were asked.
    questions: Vec<Question>,
    /// Queries of the interval, those included that were repeated or found no room.
    queries: u64,
    /// Network namespace and interface where they are counted: a packet may pass several.
    counted_at: Option<(u32, u32)>,
}

/// A question, and the answer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    id: u16,
    name: Box<str>,
    kind: u16,
    code: Option<u8>,
    /// When and where the query was seen first.
    asked: Option<Sighting>,
    /// From there to the answer.
    duration: Option<Duration>,
    /// A record said what is known of it.
    is_told: bool,
}

/// When and where a packet was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// When, precise.
    pub time: MonotonicTime,
    /// Network namespace of the hook.
    pub scope: u32,
    /// Its interface.
    pub ifindex: u32,
}

impl Dns {
    /// Takes a message.
    pub(super) fn learn(&mut self, message: DnsMessage, seen: Sighting) {
        let place = (seen.scope, seen.ifindex);
        if message.code.is_none() && *self.counted_at.get_or_insert(place) == place {
            self.queries += 1;
        }
        // A resolver may use an identifier again.
        self.questions.retain(|question| !question.is_over());
        match self.questions.iter_mut().find(|question| question.is_that_of(&message)) {
            Some(question) => question.learn(&message, seen),
            None => self.ask(Question::new(message, seen)),
        }
    }

    fn ask(&mut self, question: Question) {
        if self.questions.len() == MOST {
            // One that was told to have no answer waits no longer for it.
            let Some(oldest) = self.questions.iter().position(|question| question.is_told) else { return };
            self.questions.remove(oldest);
        }
        self.questions.push(question);
    }

    /// A record said all of this.
    pub(super) fn told(&mut self) {
        self.questions.iter_mut().for_each(|question| question.is_told = true);
        self.queries = 0;
    }

    /// The questions that the next record tells.
    pub fn questions(&self) -> impl Iterator<Item = &Question> + Clone {
        self.questions.iter().filter(|question| !question.is_told)
    }

    /// How often something was asked since the last record, if more often than is told one by one.
    #[must_use]
    pub fn queries(&self) -> Option<u64> {
        let told = self.questions().count();
        usize::try_from(self.queries).is_ok_and(|queries| queries > told).then_some(self.queries)
    }

    /// Of the questions that the next record tells, the one that did worst: without an answer, else with an error, else the slowest.
    #[must_use]
    pub fn worst(&self) -> Option<&Question> {
        self.questions().max_by_key(|question| question.badness())
    }

    /// Bytes of memory that it takes beside itself.
    pub(super) fn bytes(&self, allocation: usize) -> usize {
        let names: usize = self.questions.iter().map(|question| question.name.len() + allocation).sum();
        self.questions.capacity() * size_of::<Question>() + allocation + names
    }
}

impl Question {
    /// As its first message says it.
    fn new(message: DnsMessage, seen: Sighting) -> Self {
        let DnsMessage { id, name, kind, code } = message;
        Self { id, name, kind, code, asked: code.is_none().then_some(seen), duration: None, is_told: false }
    }

    fn is_that_of(&self, message: &DnsMessage) -> bool {
        message.id == self.id && message.kind == self.kind && message.name == self.name
    }

    /// Nothing more is to be said of it.
    fn is_over(&self) -> bool {
        self.is_told && self.code.is_some()
    }

    /// Takes a further message.
    fn learn(&mut self, message: &DnsMessage, seen: Sighting) {
        let Some(code) = message.code else { return };
        self.is_told &= self.code.is_some();
        self.code.get_or_insert(code);
        if let Some(asked) = self.asked
            && (asked.scope, asked.ifindex) == (seen.scope, seen.ifindex)
        {
            self.duration.get_or_insert(Duration::from_nanos(seen.time.since(asked.time)));
        }
    }

    /// Of two questions, the higher one is of more interest; the earlier one, if they are alike.
    fn badness(&self) -> impl Ord + use<> {
        let asked = self.asked.map(|seen| std::cmp::Reverse(seen.time));
        (self.code.is_none(), self.code != Some(0), self.duration, asked)
    }

    /// The name that is asked for.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of the type that is asked for.
    #[must_use]
    pub fn kind(&self) -> u16 {
        self.kind
    }

    /// The type's name, if it is a usual one.
    #[must_use]
    pub fn kind_name(&self) -> Option<&'static str> {
        Some(match self.kind {
            1 => "A",
            2 => "NS",
            5 => "CNAME",
            6 => "SOA",
            12 => "PTR",
            15 => "MX",
            16 => "TXT",
            28 => "AAAA",
            33 => "SRV",
            35 => "NAPTR",
            43 => "DS",
            48 => "DNSKEY",
            64 => "SVCB",
            65 => "HTTPS",
            252 => "AXFR",
            255 => "ANY",
            257 => "CAA",
            _ => return None,
        })
    }

    /// The response code's name (IANA "DNS RCODEs"), if it is a usual one.
    #[must_use]
    pub fn code_name(&self) -> Option<&'static str> {
        Some(match self.code? {
            0 => "NOERROR",
            1 => "FORMERR",
            2 => "SERVFAIL",
            3 => "NXDOMAIN",
            4 => "NOTIMP",
            5 => "REFUSED",
            _ => return None,
        })
    }

    /// The number of the response code, if there was an answer.
    #[must_use]
    pub fn code(&self) -> Option<u8> {
        self.code
    }

    /// From the query to its answer, at the interface that saw the query first.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        self.duration
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: u16 = 1;
    const AAAA: u16 = 28;

    fn message(id: u16, kind: u16, code: Option<u8>) -> DnsMessage {
        DnsMessage { id, name: "a.example".into(), kind, code }
    }

    fn at(time: u64, ifindex: u32) -> Sighting {
        Sighting { time: MonotonicTime(time), scope: 0, ifindex }
    }

    /// Identifier, code and microseconds of the questions that a record would tell.
    fn says(dns: &Dns) -> Vec<(u16, Option<u8>, Option<u128>)> {
        let micros = |question: &Question| question.duration().map(|time| time.as_micros());
        dns.questions().map(|question| (question.id, question.code(), micros(question))).collect()
    }

    #[test]
    fn a_duration_is_that_at_one_interface_from_the_first_query_on() {
        let mut dns = Dns::default();
        dns.learn(message(7, A, None), at(1_000, 1));
        dns.learn(message(7, A, None), at(1_500, 2));
        dns.learn(message(7, A, None), at(2_000, 1));
        assert_eq!(says(&dns), [(7, None, None)]);
        dns.learn(message(7, A, Some(3)), at(3_000, 2));
        assert_eq!(says(&dns), [(7, Some(3), None)], "another interface's");
        dns.learn(message(7, A, Some(3)), at(4_000, 1));
        dns.learn(message(7, A, Some(2)), at(9_000, 1));
        assert_eq!(says(&dns), [(7, Some(3), Some(3))]);
        assert_eq!(dns.queries(), Some(2), "it was repeated at the first interface");
    }

    #[test]
    fn an_answer_alone_has_no_duration() {
        let mut dns = Dns::default();
        dns.learn(message(7, A, Some(0)), at(1_000, 1));
        dns.learn(message(7, A, Some(0)), at(2_000, 1));
        assert_eq!(says(&dns), [(7, Some(0), None)]);
    }

    #[test]
    fn each_question_has_its_own_answer() {
        let mut dns = Dns::default();
        dns.learn(message(7, A, None), at(1_000, 1));
        dns.learn(message(8, AAAA, None), at(2_000, 1));
        dns.learn(message(8, AAAA, Some(0)), at(4_000, 1));
        assert_eq!(says(&dns), [(7, None, None), (8, Some(0), Some(2))]);
        assert_eq!(dns.worst().unwrap().id, 7, "it has no answer");
        dns.learn(message(7, A, Some(0)), at(2_000, 1));
        assert_eq!(dns.worst().unwrap().id, 8, "it is slower");
        let mut failing = Dns::default();
        failing.learn(message(1, A, Some(0)), at(1_000, 1));
        failing.learn(message(2, A, Some(2)), at(2_000, 1));
        failing.learn(message(3, A, Some(0)), at(3_000, 1));
        assert_eq!(failing.worst().unwrap().id, 2, "an error");
    }

    #[test]
    fn a_record_tells_what_is_new() {
        let mut dns = Dns::default();
        dns.learn(message(7, A, None), at(1_000, 1));
        dns.learn(message(8, A, None), at(1_000, 1));
        dns.learn(message(7, A, Some(0)), at(2_000, 1));
        dns.told();
        assert_eq!((says(&dns), dns.worst()), (vec![], None));
        dns.learn(message(8, A, None), at(3_000, 1));
        assert_eq!(says(&dns), [], "it is asked again, and was told");
        dns.learn(message(8, A, Some(2)), at(5_000, 1));
        assert_eq!(says(&dns), [(8, Some(2), Some(4))], "the answer came late");
        dns.told();
        dns.learn(message(8, A, None), at(6_000, 1));
        assert_eq!(says(&dns), [(8, None, None)], "a new question with the same number");
    }

    #[test]
    fn many_questions_are_counted_and_the_first_are_told() {
        let mut dns = Dns::default();
        let ask = |dns: &mut Dns, ids: std::ops::Range<u16>| {
            ids.for_each(|id| dns.learn(message(id, A, None), at(u64::from(id), 1)));
        };
        ask(&mut dns, 0..10);
        assert_eq!(says(&dns).iter().map(|(id, ..)| *id).collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
        assert_eq!(dns.queries(), Some(10));
        (0..10).for_each(|id| dns.learn(message(id, A, Some(0)), at(20, 1)));
        assert_eq!(dns.queries(), Some(10), "answers are not asked");
        dns.told();
        ask(&mut dns, 20..23);
        assert_eq!(says(&dns), [(20, None, None), (21, None, None), (22, None, None)]);
        assert_eq!(dns.queries(), None);
    }
}
