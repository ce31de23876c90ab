//! The same work on many things, on all processors.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// More threads than this win nothing: what is written goes through one disk.
const MOST_THREADS: usize = 8;

/// Does `work` on each thing and gives the results to `take`, with the thing's place, as they come
/// and on the caller's thread. Few results wait at a time, however many things there are. After a
/// `Break` no more work is begun.
pub fn each<T: Sync, R: Send>(
    things: &[T],
    work: impl Fn(&T) -> R + Sync,
    mut take: impl FnMut(usize, R) -> ControlFlow<()>,
) {
    let threads = threads(things.len());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (give, results) = sync_channel(threads);
        for _ in 0..threads {
            let (give, next, work) = (give.clone(), &next, &work);
            scope.spawn(move || {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(thing) = things.get(place) else { return };
                    if give.send((place, work(thing))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(give);
        for (place, result) in &results {
            if take(place, result).is_break() {
                break;
            }
        }
        // Dropping the receiver lets every thread end after the thing it is at.
        drop(results);
    });
}

/// Does `work` on each thing; the results in the order of the things.
pub fn map<T: Sync, R: Send>(things: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    /// Things that a thread takes together: enough that they do not meet often, few enough that the
    /// last one does not keep the others waiting.
    const BATCH: usize = 16;
    let mut results: Vec<Option<R>> = things.iter().map(|_| None).collect();
    let batches = Mutex::new(things.chunks(BATCH).zip(results.chunks_mut(BATCH)));
    let next = || batches.lock().unwrap_or_else(PoisonError::into_inner).next();
    let on_one = || {
        while let Some((things, results)) = next() {
            for (thing, result) in things.iter().zip(results) {
                *result = Some(work(thing));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads(things.len().div_ceil(BATCH)) {
            scope.spawn(on_one);
        }
        on_one();
    });
    results.into_iter().map(|result| result.expect("each thing was worked on")).collect()
}

/// How many threads share so many portions of work.
fn threads(portions: usize) -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MOST_THREADS).min(portions)
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::{each, map};

    #[test]
    fn results_come_in_the_order_of_the_things() {
        let things: Vec<u64> = (0..1_000).collect();
        assert_eq!(map(&things, |n| n * 2), things.iter().map(|n| n * 2).collect::<Vec<_>>());
        assert!(map(&[] as &[u64], |n| *n).is_empty());
    }

    #[test]
    fn a_break_ends_the_work() {
        let things: Vec<u64> = (0..100_000).collect();
        let mut taken = 0;
        each(
            &things,
            |n| *n,
            |_, _| {
                taken += 1;
                if taken == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        );
        assert_eq!(taken, 3);
    }
}
