//! lock-evaluation
