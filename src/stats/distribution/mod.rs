//! The normal, Student's t, chi-square and F distributions.
//!
//! Each has `pdf`, `cdf`, `sf` (the upper tail, never 1 - cdf), `ppf` (the inverse of cdf) and `isf`
//! (the inverse of sf). Upper and lower tails are right to 1e-12 relative down to 1e-300.
//! A NaN argument gives NaN; a probability outside [0, 1] too.

mod chi_square;
mod fisher;
mod normal;
pub(crate) mod special;
mod student;

pub use chi_square::ChiSquare;
pub use fisher::Fisher;
pub use normal::Normal;
pub use student::Student;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{assert_close, number, numbers, reference};

    /// The five functions of a distribution at one place.
    type Functions = [Box<dyn Fn(f64) -> f64>; 5];

    macro_rules! functions {
        ($distribution:expr) => {{
            let d = $distribution;
            [
                Box::new(move |x| d.pdf(x)),
                Box::new(move |x| d.cdf(x)),
                Box::new(move |x| d.sf(x)),
                Box::new(move |p| d.ppf(p)),
                Box::new(move |p| d.isf(p)),
            ]
        }};
    }

    fn named(name: &str, args: &[f64]) -> Functions {
        match name {
            "normal" => functions!(Normal::STANDARD),
            "student" => functions!(Student::new(args[0]).unwrap()),
            "chi_square" => functions!(ChiSquare::new(args[0]).unwrap()),
            "fisher" => functions!(Fisher::new(args[0], args[1]).unwrap()),
            name => panic!("{name}"),
        }
    }

    #[test]
    fn agree_with_mpmath_in_both_tails() {
        let cases = reference(include_str!("../../../tests/reference/distributions.json"));
        for case in cases.as_array().unwrap() {
            let args = numbers(&case["args"]);
            let [pdf, cdf, sf, ppf, isf] = named(case["name"].as_str().unwrap(), &args);
            let x = number(&case["x"]);
            for (f, name) in [(pdf, "pdf"), (cdf, "cdf"), (sf, "sf")] {
                let expected = number(&case[name]);
                let error = (f(x) - expected).abs() / expected;
                assert!(
                    error <= 1e-12 || f(x) == expected,
                    "{name} of {case}: {:e}, off by {error:e}",
                    f(x)
                );
            }
            // An inverse cannot be better than the probability's rounding lets it.
            for (inverse, name) in [(ppf, "cdf"), (isf, "sf")] {
                let p = number(&case[name]);
                if p > 1e-300 && p < 0.9 {
                    let found = inverse(p);
                    assert!(
                        (found - x).abs() <= 1e-11 * x.abs().max(1e-4),
                        "{name} inverted, {case}: {found:e}"
                    );
                }
            }
        }
    }

    #[test]
    fn approach_their_limits() {
        for x in [0.1, 2.0, 9.0] {
            let normal = Normal::STANDARD.sf(x);
            assert_close(Student::new(1e12).unwrap().sf(x), normal, 1e-8);
            let chi_square = ChiSquare::new(3.0).unwrap().sf(3.0 * x);
            assert_close(Fisher::new(3.0, 1e12).unwrap().sf(x), chi_square, 1e-9);
        }
        assert_close(Fisher::new(1e6, 1e6).unwrap().sf(1.0), 0.5, 1e-9);
        assert_close(ChiSquare::new(1e8).unwrap().sf(1e8), 0.499_981, 1e-6);
    }

    #[test]
    fn are_defined_at_the_ends() {
        let student = Student::new(3.0).unwrap();
        assert_eq!((student.isf(0.0), student.isf(1.0)), (f64::INFINITY, f64::NEG_INFINITY));
        assert!(student.ppf(-0.1).is_nan() && student.cdf(f64::NAN).is_nan());
        assert_eq!((student.sf(f64::INFINITY), student.cdf(f64::INFINITY)), (0.0, 1.0));
        let normal = Normal::STANDARD;
        assert_eq!((normal.ppf(0.0), normal.isf(0.0)), (f64::NEG_INFINITY, f64::INFINITY));
        assert!(normal.ppf(2.0).is_nan());
        assert_eq!(ChiSquare::new(2.0).unwrap().sf(f64::INFINITY), 0.0);
        assert_eq!(Fisher::new(2.0, 3.0).unwrap().cdf(f64::INFINITY), 1.0);
        assert!(Student::new(0.0).is_err() && Fisher::new(1.0, f64::NAN).is_err());
        assert_close(normal.isf(0.025), 1.959_963_984_540_054, 1e-15);
    }
}
