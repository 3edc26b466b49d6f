//! The normal, Student's t, chi-square and F distributions: `normal_sf(x)`, `t_isf(p, df)`, ….

use super::arguments::{Arguments, Refusal, function, is_column, number, numbers};
use super::series::Series;
use super::{Fallible, fail_in};
use crate::script::host::Host;
use crate::stats::StatsError;
use crate::stats::distribution::{ChiSquare, Fisher, Normal, Student};
use rhai::{Dynamic, Engine};
use std::rc::Rc;

/// A function of a distribution, by its names for each distribution in turn.
struct Function<D> {
    name: &'static str,
    compute: fn(&D, f64) -> f64,
    /// Whether its argument is a probability.
    inverse: bool,
}

macro_rules! functions {
    ($type:ty, $pdf:literal, $cdf:literal, $sf:literal, $ppf:literal, $isf:literal) => {
        [
            Function::<$type> { name: $pdf, compute: <$type>::pdf, inverse: false },
            Function { name: $cdf, compute: <$type>::cdf, inverse: false },
            Function { name: $sf, compute: <$type>::sf, inverse: false },
            Function { name: $ppf, compute: <$type>::ppf, inverse: true },
            Function { name: $isf, compute: <$type>::isf, inverse: true },
        ]
    };
}

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>) {
    let normal =
        || functions!(Normal, "normal_pdf", "normal_cdf", "normal_sf", "normal_ppf", "normal_isf");
    bind(engine, host, &["x"], normal(), |_| Ok(Normal::STANDARD));
    bind(engine, host, &["x", "mean", "stddev"], normal(), |a| {
        Ok(Normal::new(a.number()?, a.number()?)?)
    });
    let student = functions!(Student, "t_pdf", "t_cdf", "t_sf", "t_ppf", "t_isf");
    bind(engine, host, &["x", "df"], student, |a| Ok(Student::new(a.number()?)?));
    let two_sided = Function { name: "t_two_sided", compute: Student::two_sided, inverse: false };
    bind(engine, host, &["x", "df"], [two_sided], |a| Ok(Student::new(a.number()?)?));
    let chi_square =
        functions!(ChiSquare, "chi2_pdf", "chi2_cdf", "chi2_sf", "chi2_ppf", "chi2_isf");
    bind(engine, host, &["x", "df"], chi_square, |a| Ok(ChiSquare::new(a.number()?)?));
    let fisher = functions!(Fisher, "f_pdf", "f_cdf", "f_sf", "f_ppf", "f_isf");
    bind(engine, host, &["x", "df1", "df2"], fisher, |a| {
        Ok(Fisher::new(a.number()?, a.number()?)?)
    });
}

fn bind<D: 'static, const N: usize>(
    engine: &mut Engine,
    host: &Rc<Host>,
    names: &'static [&'static str],
    functions: [Function<D>; N],
    make: fn(&mut Arguments<'_>) -> Result<D, Refusal>,
) {
    for Function { name, compute, inverse } in functions {
        function(engine, host, name, names, move |a| {
            let (x_name, x) = a.any();
            let distribution = make(a)?;
            let progress = a.progress();
            let checked = |x| -> Result<f64, Refusal> {
                let x = checked(name, x, inverse)?;
                progress.steps(64)?;
                match compute(&distribution, x) {
                    // Only the ends of a distribution are infinite.
                    y if y.is_infinite() && inverse && x > 0.0 && x < 1.0 => {
                        Err(StatsError::TooLarge { name: "the quantile", power: 308 }.into())
                    }
                    y => Ok(y),
                }
            };
            if is_column(x) {
                let values = numbers(a.host(), name, x_name, x, false)?;
                let values = values.iter().map(|&x| checked(x)).collect::<Result<_, Refusal>>()?;
                return Ok(Dynamic::from(Series::new(values)));
            }
            Ok(checked(number(a.host(), name, x_name, x)?)?.into())
        });
    }
}

/// Infinities are fine: the tails end there.
fn checked(function: &str, x: f64, inverse: bool) -> Fallible<f64> {
    if x.is_nan() {
        return Err(fail_in(function, "x is NaN"));
    }
    if inverse && !(0.0..=1.0).contains(&x) {
        return Err(fail_in(function, format_args!("a probability is from 0 to 1, got {x}")));
    }
    Ok(x)
}
