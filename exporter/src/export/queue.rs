//! The bounded queue between the flow thread and the delivery task.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard};

use tokio::sync::Notify;

use crate::export::batch::Batch;
use crate::export::request_size::RequestSize;
use crate::sync::lock;

/// Batches that wait for delivery, at most a number of bytes of them; when they would be more, the oldest go.
///
/// Any thread may push. One task pops; the batch it works on counts no longer.
#[derive(Debug)]
pub struct Queue {
    capacity: usize,
    state: Mutex<State>,
    filled: Notify,
    closing: Notify,
    request_size: RequestSize,
}

/// How full a queue is, and what became of what was in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fill {
    /// Batches that wait.
    pub batches: usize,
    /// Bytes of memory they take ([`Batch::size`]).
    pub bytes: usize,
    /// The most bytes there ever were.
    pub peak_bytes: usize,
    /// Records in the batches that wait.
    pub records: u64,
    /// Records in all batches that were taken out.
    pub taken_records: u64,
    /// Records in all batches that were given back to who pushed: they found no room, or had to make some.
    pub displaced_records: u64,
}

#[derive(Debug, Default)]
struct State {
    batches: VecDeque<Batch>,
    fill: Fill,
    closed: bool,
}

impl Queue {
    /// An open queue for `capacity` bytes.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            state: Mutex::default(),
            filled: Notify::new(),
            closing: Notify::new(),
            request_size: RequestSize::default(),
        }
    }

    /// Adds a batch, never waits. Returns what had to go for it, oldest first, for the caller to count as lost.
    ///
    /// That is the batch itself if it alone exceeds the capacity or if the queue is closed.
    #[must_use = "the returned batches are lost and have to be counted"]
    pub fn push(&self, batch: Batch) -> Vec<Batch> {
        let size = batch.size();
        let mut state = self.state();
        if state.closed || size > self.capacity {
            state.fill.displaced_records += u64::from(batch.records);
            return vec![batch];
        }
        let mut lost = Vec::new();
        while state.fill.bytes + size > self.capacity {
            let oldest = state.take_oldest();
            state.fill.displaced_records += oldest.as_ref().map_or(0, |batch| u64::from(batch.records));
            lost.extend(oldest);
        }
        state.add(batch);
        drop(state);
        self.filled.notify_one();
        lost
    }

    /// Whether a batch of this size would displace no other.
    #[must_use]
    pub fn has_room(&self, size: usize) -> bool {
        let fill = self.fill();
        fill.batches == 0 || fill.bytes + size <= self.capacity
    }

    /// Takes the oldest batch; waits for one. `None` once the queue is closed and empty.
    ///
    /// Dropping the future loses no batch.
    pub async fn pop(&self) -> Option<Batch> {
        loop {
            {
                let mut state = self.state();
                let oldest = state.take_oldest();
                state.fill.taken_records += oldest.as_ref().map_or(0, |batch| u64::from(batch.records));
                if oldest.is_some() || state.closed {
                    return oldest;
                }
            }
            // A push since the look above has left a permit, so this returns at once.
            self.filled.notified().await;
        }
    }

    /// Ends the queue: it takes no more batches and gives out those it has.
    pub fn close(&self) {
        self.state().closed = true;
        self.filled.notify_one();
        self.closing.notify_waiters();
    }

    /// Waits until the queue is closed.
    pub async fn closed(&self) {
        let mut closing = pin!(self.closing.notified());
        // Registered before the look, so that a close in between is not missed.
        closing.as_mut().enable();
        if !self.state().closed {
            closing.await;
        }
    }

    /// How large the requests should be that go through the queue.
    #[must_use]
    pub fn request_size(&self) -> &RequestSize {
        &self.request_size
    }

    /// How full the queue is and was.
    #[must_use]
    pub fn fill(&self) -> Fill {
        self.state().fill
    }

    /// Bytes of memory that the waiting batches may take.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing between lock and unlock leaves the state half changed, so a panic elsewhere does not matter here.
        lock(&self.state)
    }
}

impl State {
    fn take_oldest(&mut self) -> Option<Batch> {
        let batch = self.batches.pop_front()?;
        self.fill.batches -= 1;
        self.fill.bytes -= batch.size();
        self.fill.records -= u64::from(batch.records);
        Some(batch)
    }

    fn add(&mut self, batch: Batch) {
        self.fill.batches += 1;
        self.fill.bytes += batch.size();
        self.fill.peak_bytes = self.fill.peak_bytes.max(self.fill.bytes);
        self.fill.records += u64::from(batch.records);
        self.batches.push_back(batch);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::MonotonicTime;
    use crate::export::payload::Payload;
    use crate::flow::RecordCounts;

    fn batch(number: u64) -> Batch {
        Batch {
            payload: Payload::plain(vec![0; 100]),
            records: 1,
            accounted: RecordCounts::default(),
            created: MonotonicTime(number),
        }
    }

    fn numbers(batches: &[Batch]) -> Vec<u64> {
        batches.iter().map(|batch| batch.created.0).collect()
    }

    #[tokio::test]
    async fn batches_leave_in_the_order_they_came() {
        let queue = Queue::new(usize::MAX);
        for number in 0..3 {
            assert!(queue.push(batch(number)).is_empty());
        }
        for number in 0..3 {
            assert_eq!(queue.pop().await, Some(batch(number)));
        }
        let peak_bytes = 3 * batch(0).size();
        assert_eq!(queue.fill(), Fill { peak_bytes, taken_records: 3, ..Fill::default() });
    }

    #[test]
    fn a_full_queue_gives_back_the_oldest() {
        let queue = Queue::new(3 * batch(0).size());
        let lost: Vec<Batch> = (0..5).flat_map(|number| queue.push(batch(number))).collect();
        assert_eq!(numbers(&lost), [0, 1]);
        assert_eq!(queue.fill().bytes, queue.capacity());
        assert_eq!(queue.fill().peak_bytes, queue.capacity());
        assert_eq!((queue.fill().records, queue.fill().displaced_records), (3, 2));
    }

    #[test]
    fn one_large_batch_displaces_as_many_as_it_must() {
        let queue = Queue::new(3 * batch(0).size());
        for number in 0..3 {
            assert!(queue.push(batch(number)).is_empty());
        }
        let large = Batch { payload: Payload::plain(vec![0; 101]), ..batch(3) };
        assert_eq!(numbers(&queue.push(large)), [0, 1]);
        assert_eq!(queue.fill().batches, 2);
    }

    #[test]
    fn a_batch_that_never_fits_displaces_nothing() {
        let queue = Queue::new(batch(0).size());
        assert!(queue.push(batch(0)).is_empty());
        let large = Batch { payload: Payload::plain(vec![0; 101]), ..batch(1) };
        assert_eq!(numbers(&queue.push(large)), [1]);
        assert_eq!((queue.fill().batches, queue.fill().displaced_records), (1, 1));
    }

    #[tokio::test]
    async fn a_closed_queue_gives_out_the_rest_and_takes_no_more() {
        let queue = Queue::new(usize::MAX);
        assert!(queue.push(batch(0)).is_empty());
        queue.close();
        queue.closed().await;
        assert_eq!(numbers(&queue.push(batch(1))), [1]);
        assert_eq!(queue.pop().await, Some(batch(0)));
        assert_eq!(queue.pop().await, None);
        assert_eq!(queue.pop().await, None);
    }

    #[tokio::test]
    async fn a_waiting_task_wakes_for_a_push_and_for_the_close() {
        let queue = Arc::new(Queue::new(usize::MAX));
        let popped = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { (queue.pop().await, queue.pop().await) }
        });
        tokio::task::yield_now().await;
        let pusher = Arc::clone(&queue);
        std::thread::spawn(move || assert!(pusher.push(batch(7)).is_empty())).join().unwrap();
        tokio::task::yield_now().await;
        queue.close();
        assert_eq!(popped.await.unwrap(), (Some(batch(7)), None));
    }

    #[test]
    fn every_batch_pushed_by_threads_is_popped_or_given_back() {
        let queue = Queue::new(10 * batch(0).size());
        let (lost, popped) = std::thread::scope(|scope| {
            let push = || (0..500).map(|number| queue.push(batch(number)).len()).sum::<usize>();
            let pushers = [scope.spawn(push), scope.spawn(push)];
            let popper = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(async {
                    let mut popped = 0;
                    while queue.pop().await.is_some() {
                        popped += 1;
                    }
                    popped
                })
            });
            let lost: usize = pushers.into_iter().map(|pusher| pusher.join().unwrap()).sum();
            queue.close();
            (lost, popper.join().unwrap())
        });
        assert_eq!(lost + popped, 1000);
    }
}
