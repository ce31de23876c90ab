//! A run in figures, for scripts.

use serde_json::{Value, json};

use super::{Report, Stop};
use crate::domain::Tally;

impl Report {
    /// The run as JSON.
    #[must_use]
    pub fn as_json(&self) -> Value {
        json!({
            "started": self.started.to_rfc3339(),
            "ended": self.ended.to_rfc3339(),
            "sent": self.sent,
            "refused": self.refused,
            "deferred": self.deferred,
            "doubted": self.doubted,
            "left": self.left,
            "letters_on_the_wire": self.dots,
            "possible_copies": self.copies,
            "per_second": self.rate(),
            "recovered": {
                "unclaimed": self.recovered.unclaimed,
                "doubtful": self.recovered.doubtful,
                "in_doubt": self.recovered.in_doubt,
            },
            "tally": tally_value(&self.tally),
            "next_due": self.next_due.map(|at| at.to_rfc3339()),
            "paused": self.paused.iter().map(|(digest, reason)| json!({"digest": digest.0, "reason": reason}))
                .collect::<Vec<_>>(),
            "stop": self.stop.as_ref().map(|stop| match stop {
                Stop::Asked => "asked",
                Stop::Time => "time",
                Stop::TooManyDoubts => "too many doubts",
                Stop::TooManyCopies => "too many copies",
                Stop::Misconfigured(_) => "misconfigured",
            }),
            "last_words": self.last_words,
        })
    }
}

fn tally_value(tally: &Tally) -> Value {
    json!({
        "waiting": tally.waiting,
        "claimed": tally.claimed,
        "sending": tally.sending,
        "sent": tally.sent,
        "refused": tally.refused,
        "left": tally.left,
        "in_doubt": tally.in_doubt,
    })
}
