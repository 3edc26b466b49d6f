//! The downhill simplex method of Nelder and Mead, which finds a minimum of a function without its
//! derivatives.
//!
//! J. A. Nelder and R. Mead, "A simplex method for function minimization", The Computer Journal 7
//! (1965). The steps and their order are those of InfluxDB, so that fits agree with its own. The function may move
//! its arguments into their bounds, and the search continues from there.

/// The most steps of a search.
const STEPS: usize = 1000;
/// How far a vertex is reflected, expanded and contracted.
const REFLECTION: f64 = 1.0;
const EXPANSION: f64 = 2.0;
const CONTRACTION: f64 = 0.5;

/// Searches for the minimum of a function; returns it with its place.
///
/// The search begins at `start` with a simplex whose edges have the length `scale`, and ends when the
/// values at its vertices have a standard deviation below `epsilon`, or after 1000 steps. NaN and
/// infinite values are allowed: a value counts as better only if it is less than the other.
pub fn minimize(
    function: &mut dyn FnMut(&mut [f64]) -> f64,
    start: &[f64],
    epsilon: f64,
    scale: f64,
) -> (f64, Vec<f64>) {
    let mut simplex = Simplex::new(function, start, scale);
    for _ in 0..STEPS {
        simplex.step(function);
        if simplex.spread() < epsilon {
            break;
        }
    }
    let best = simplex.smallest();
    // The place is the one that was found, before the function moved it into its bounds.
    let place = simplex.vertices[best].clone();
    let minimum = function(&mut simplex.vertices[best]);
    (minimum, place)
}

/// The vertices, one more than there are dimensions, and the values there.
struct Simplex {
    vertices: Vec<Vec<f64>>,
    values: Vec<f64>,
}

impl Simplex {
    fn new(function: &mut dyn FnMut(&mut [f64]) -> f64, start: &[f64], scale: f64) -> Self {
        let n = start.len() as f64;
        let root = (n + 1.0).sqrt();
        let far = scale * (root - 1.0 + n) / (n * 2.0f64.sqrt());
        let near = scale * (root - 1.0) / (n * 2.0f64.sqrt());
        let mut vertices = vec![start.to_vec()];
        for i in 0..start.len() {
            let moved = |(j, x): (usize, &f64)| if i == j { far + x } else { near + x };
            vertices.push(start.iter().enumerate().map(moved).collect());
        }
        let values = vertices.iter_mut().map(|vertex| function(vertex)).collect();
        Self { vertices, values }
    }

    fn smallest(&self) -> usize {
        (0..self.values.len())
            .fold(0, |best, i| if self.values[i] < self.values[best] { i } else { best })
    }

    fn largest(&self) -> usize {
        (0..self.values.len())
            .fold(0, |worst, i| if self.values[i] > self.values[worst] { i } else { worst })
    }

    /// Returns the largest value but one.
    fn second_largest(&self, largest: usize, smallest: usize) -> usize {
        let values = &self.values;
        let better =
            |best: usize, i: usize| values[i] > values[best] && values[i] < values[largest];
        (0..values.len()).fold(smallest, |best, i| if better(best, i) { i } else { best })
    }

    /// Returns the centre of all vertices but one.
    fn centre_without(&self, left_out: usize) -> Vec<f64> {
        let n = self.vertices.len() - 1;
        let others = || self.vertices.iter().enumerate().filter(|(i, _)| *i != left_out);
        (0..n).map(|j| others().fold(0.0, |sum, (_, vertex)| sum + vertex[j]) / n as f64).collect()
    }

    fn replace(&mut self, i: usize, vertex: Vec<f64>, value: f64) {
        self.vertices[i] = vertex;
        self.values[i] = value;
    }

    /// Moves one vertex, or shrinks all towards the best.
    fn step(&mut self, function: &mut dyn FnMut(&mut [f64]) -> f64) {
        let (largest, smallest) = (self.largest(), self.smallest());
        let second = self.second_largest(largest, smallest);
        let centre = self.centre_without(largest);
        let worst = &self.vertices[largest];
        let along = |to: &dyn Fn(usize) -> f64| (0..centre.len()).map(to).collect::<Vec<f64>>();
        let mut reflected = along(&|j| centre[j] + REFLECTION * (centre[j] - worst[j]));
        let value = function(&mut reflected);
        let (best_value, second_value) = (self.values[smallest], self.values[second]);
        if value < best_value {
            let mut expanded = along(&|j| centre[j] + EXPANSION * (reflected[j] - centre[j]));
            let further = function(&mut expanded);
            if further < value {
                self.replace(largest, expanded, further);
            } else {
                self.replace(largest, reflected.clone(), value);
            }
        } else if value < second_value {
            self.replace(largest, reflected.clone(), value);
        }
        // The previous values are compared here, too: the best may have been the second largest.
        if value >= self.values[second] {
            let worst = &self.vertices[largest];
            let mut contracted = if value < self.values[largest] {
                along(&|j| centre[j] + CONTRACTION * (reflected[j] - centre[j]))
            } else {
                along(&|j| centre[j] - CONTRACTION * (centre[j] - worst[j]))
            };
            let nearer = function(&mut contracted);
            if nearer < self.values[largest] {
                self.replace(largest, contracted, nearer);
            } else {
                self.shrink(function, (largest, second, smallest));
            }
        }
    }

    /// Halves the distance of all vertices from the best. Only two are evaluated again, as in InfluxDB.
    fn shrink(
        &mut self,
        function: &mut dyn FnMut(&mut [f64]) -> f64,
        (largest, second, smallest): (usize, usize, usize),
    ) {
        let best = self.vertices[smallest].clone();
        for (i, vertex) in self.vertices.iter_mut().enumerate() {
            if i != smallest {
                vertex.iter_mut().zip(&best).for_each(|(x, best)| *x = best + (*x - best) / 2.0);
            }
        }
        for i in [largest, second] {
            self.values[i] = function(&mut self.vertices[i]);
        }
    }

    /// Returns the standard deviation of the values.
    fn spread(&self) -> f64 {
        let n = self.values.len() as f64;
        let mean = self.values.iter().sum::<f64>() / n;
        let squares = self.values.iter().map(|v| (v - mean) * (v - mean) / (n - 1.0));
        squares.sum::<f64>().sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minimum_of_rosenbrocks_function_is_found() {
        let mut rosenbrock =
            |x: &mut [f64]| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2);
        let (minimum, place) = minimize(&mut rosenbrock, &[-1.2, 1.0], 1e-10, 1.0);
        assert!(minimum < 1e-8, "{minimum}");
        assert!((place[0] - 1.0).abs() < 1e-3 && (place[1] - 1.0).abs() < 1e-3, "{place:?}");
    }

    #[test]
    fn values_that_are_no_numbers_are_never_better() {
        let mut function = |x: &mut [f64]| if x[0] < 0.0 { f64::NAN } else { (x[0] - 2.0).powi(2) };
        let (minimum, place) = minimize(&mut function, &[5.0], 1e-9, 1.0);
        assert!(minimum < 1e-6 && (place[0] - 2.0).abs() < 1e-3, "{minimum} {place:?}");
        let (minimum, _) = minimize(&mut |_| f64::INFINITY, &[1.0, 1.0], 1e-9, 1.0);
        assert!(minimum.is_infinite());
    }
}
