//! Taking in a list: where its people come from, and what it changes for each, decided in memory and
//! the same for every database.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::NewSubscriber;
use crate::domain::{EmailAddress, Standing, StandingEvent};

/// People to import, a batch at a time, so that memory does not grow with the list.
pub trait ImportSource {
    fn next(&mut self) -> NextBatch;
    /// What became of the last batch, person by person.
    fn note(&mut self, effects: &[Effect]);
}

/// What a source has to give.
#[derive(Debug)]
pub enum NextBatch {
    /// Never empty, at most a few thousand.
    People(Vec<NewSubscriber>),
    End,
    /// The list cannot be trusted: take back all of it.
    GiveUp,
}

/// What a list changes for one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Added(Standing),
    /// On the list already, and as the list says.
    Known,
    /// The list is stricter than what was known.
    Restricted {
        from: Standing,
        to: Standing,
        same_list: bool,
    },
    /// The list is laxer than what is known, and changes nothing. `same_list` when it contradicts
    /// itself.
    Kept {
        standing: Standing,
        same_list: bool,
    },
    /// Forgotten or suppressed: does not come back by a list.
    Barred,
}

/// What is known of a person when a list names them.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownPerson {
    pub id: i64,
    pub standing: Standing,
}

/// What a dry run would have written so far: it has no rows to look its own people up in. Holds a
/// hash of each address, 24 octets a person, so that a million fit where a million addresses do not.
#[derive(Debug, Default)]
pub(super) struct Pretended(HashMap<u64, KnownPerson>);

impl Pretended {
    pub fn get(&self, email_key: &str) -> Option<KnownPerson> {
        self.0.get(&Self::hash(email_key)).copied()
    }

    /// Takes in what a batch would have changed.
    pub fn remember(&mut self, plan: &BatchPlan<'_>, known: &HashMap<String, KnownPerson>) {
        let restricted: Vec<i64> = plan.restricted.iter().map(|(id, _)| *id).collect();
        for (_, person, _) in &plan.added {
            let key = person.email.key();
            if let Some(person) = known.get(&key) {
                self.0.insert(Self::hash(&key), *person);
            }
        }
        if !restricted.is_empty() {
            let changed = known.iter().filter(|(_, person)| restricted.contains(&person.id));
            self.0.extend(changed.map(|(key, person)| (Self::hash(key), *person)));
        }
    }

    fn hash(email_key: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        email_key.hash(&mut hasher);
        hasher.finish()
    }
}

/// What one batch of a list changes; decided in memory, the same for every database.
#[derive(Debug, Default)]
pub(super) struct BatchPlan<'a> {
    pub effects: Vec<Effect>,
    pub added: Vec<(i64, &'a NewSubscriber, Standing)>,
    /// Known people who become more restricted.
    pub restricted: Vec<(i64, Standing)>,
}

/// Decides a batch. `known` holds what the ledger knows of these people, by key, and learns; ids
/// from `first_new` on belong to this very list.
pub(super) fn plan_batch<'a>(
    batch: &'a [NewSubscriber],
    known: &mut HashMap<String, KnownPerson>,
    is_barred: &dyn Fn(&EmailAddress) -> bool,
    first_new: i64,
    next_id: &mut i64,
) -> BatchPlan<'a> {
    let mut plan = BatchPlan::default();
    for person in batch {
        let key = person.email.key();
        let effect = match known.get_mut(&key) {
            None if is_barred(&person.email) => Effect::Barred,
            None => {
                known.insert(key, KnownPerson { id: *next_id, standing: person.standing });
                plan.added.push((*next_id, person, person.standing));
                *next_id += 1;
                Effect::Added(person.standing)
            }
            Some(before) => {
                let same_list = before.id >= first_new;
                let from = before.standing;
                before.standing = from.after(StandingEvent::Listed(person.standing));
                if before.standing != from {
                    let id = before.id;
                    if let Some(added) = plan.added.iter_mut().find(|(added, ..)| *added == id) {
                        added.2 = before.standing;
                    } else {
                        plan.restricted.push((id, before.standing));
                    }
                    Effect::Restricted { from, to: before.standing, same_list }
                } else if person.standing < from {
                    Effect::Kept { standing: from, same_list }
                } else {
                    Effect::Known
                }
            }
        };
        plan.effects.push(effect);
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Consent, Frequency};

    fn person(address: &str, standing: Standing) -> NewSubscriber {
        NewSubscriber {
            email: EmailAddress::parse(address).unwrap(),
            name: String::new(),
            language: None,
            topics: Vec::new(),
            frequency: Frequency::Every,
            standing,
            consent: Consent::default(),
        }
    }

    #[test]
    fn a_list_that_contradicts_itself_ends_with_the_stricter_row_whatever_the_order() {
        use Standing::{Confirmed, Left};
        for (first, second) in [(Confirmed, Left), (Left, Confirmed)] {
            let batch = [person("a@example.org", first), person("A@example.org", second)];
            let plan = plan_batch(&batch, &mut HashMap::new(), &|_| false, 1, &mut 1);
            assert_eq!(plan.added.len(), 1);
            assert_eq!(plan.added[0].2, Left);
            assert!(plan.restricted.is_empty());
            assert!(matches!(
                plan.effects[1],
                Effect::Restricted { same_list: true, .. } | Effect::Kept { same_list: true, .. }
            ));
        }
    }

    #[test]
    fn a_list_never_brings_back_who_left_or_was_forgotten() {
        let mut known =
            HashMap::from([("a@example.org".to_owned(), KnownPerson { id: 1, standing: Standing::Left })]);
        let batch =
            [person("a@example.org", Standing::Confirmed), person("b@example.org", Standing::Confirmed)];
        let plan = plan_batch(&batch, &mut known, &|email| email.local() == "b", 2, &mut 2);
        assert_eq!(
            plan.effects,
            [Effect::Kept { standing: Standing::Left, same_list: false }, Effect::Barred]
        );
        assert!(plan.added.is_empty() && plan.restricted.is_empty());
    }
}
