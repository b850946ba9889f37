//! demand-letter
