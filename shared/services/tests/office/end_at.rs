//! A process that ends at one of its calls: what it stands on notices nothing.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use store::{Fault, Faults, Operation};
use tokio::sync::Notify;

/// Ends the process at the boundary with that number.
pub struct EndAt {
    pub boundary: u32,
    pub passed: AtomicU32,
    pub ended: Notify,
}

impl EndAt {
    async fn pass(&self) {
        if self.passed.fetch_add(1, Ordering::SeqCst) == self.boundary {
            self.ended.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl Faults for EndAt {
    async fn before(&self, _: Operation) -> Option<Fault> {
        self.pass().await;
        None
    }

    async fn after(&self, _: Operation) -> Option<Fault> {
        self.pass().await;
        None
    }
}
