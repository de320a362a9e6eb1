//! Proves testbed on the real embedded hub.
