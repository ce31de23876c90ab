//! `schedule:`: when a digest is due.

use serde::Deserialize;

use super::Refusal;
use crate::domain::Schedule;

/// `schedule: {every: friday 08:00}`, `{when: 5 articles}`, or one of these as a bare text.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
pub(super) enum Wire {
    #[default]
    None,
    Text(String),
    Keys(Keys),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Keys {
    every: Option<String>,
    when: Option<String>,
}

pub(super) fn check(wire: &Wire) -> Result<Schedule, Refusal> {
    let (key, text) = match wire {
        Wire::None => return Ok(Schedule::Always),
        Wire::Text(text) => ("schedule", text),
        Wire::Keys(Keys { every: Some(text), when: None }) => ("schedule.every", text),
        Wire::Keys(Keys { every: None, when: Some(text) }) => ("schedule.when", text),
        Wire::Keys(_) => {
            return Err(Refusal::of("schedule", "it must say one thing", "write every: or when:"));
        }
    };
    let remedy = "write every: friday 08:00, every: monthly, or when: 5 articles";
    let schedule = Schedule::parse(text).map_err(|e| Refusal::of(key, e.to_string(), remedy))?;
    let by_count = matches!(schedule, Schedule::Articles(_));
    if key == "schedule.every" && by_count || key == "schedule.when" && !by_count {
        return Err(Refusal::of(key, format!("`{text}` does not belong here"), remedy));
    }
    Ok(schedule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_a_text_or_a_key() {
        let read = |yaml: &str| check(&crate::yaml::settings(yaml).unwrap());
        assert_eq!(read("~"), Ok(Schedule::Always));
        assert_eq!(read("{when: 5 articles}"), Ok(Schedule::Articles(5)));
        assert_eq!(read("every: monthly"), read("monthly"));
        for yaml in
            ["{every: 5 articles}", "{when: friday}", "{every: friday, when: 5 articles}", "{}", "sometimes"]
        {
            assert!(read(yaml).is_err(), "{yaml}");
        }
    }
}
