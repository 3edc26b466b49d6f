//! Native statistics.
