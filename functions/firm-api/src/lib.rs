//! firm-api
