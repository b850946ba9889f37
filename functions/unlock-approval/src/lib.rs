//! unlock-approval
