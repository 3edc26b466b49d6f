//! A state that changes only after several equal inputs in a row.

use serde::{Deserialize, Serialize};

use crate::stats::{
    error::{self, MAX_WINDOW, Result},
    snapshot::checked_snapshot,
};

/// On after so many inputs in a row that say on, off after so many that say off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Debounce {
    on_after: u32,
    off_after: u32,
    against: u32,
    on: bool,
}

impl Debounce {
    /// Makes one that is off; both counts from 1 (which follows the input) to `MAX_WINDOW`.
    pub fn new(on_after: usize, off_after: usize) -> Result<Debounce> {
        let narrow = |n: usize| u32::try_from(n).expect("MAX_WINDOW fits u32");
        let on_after = narrow(error::size("on_after", on_after, 1, MAX_WINDOW)?);
        let off_after = narrow(error::size("off_after", off_after, 1, MAX_WINDOW)?);
        Ok(Debounce { on_after, off_after, against: 0, on: false })
    }

    /// Takes in an input and says whether it is on now.
    pub fn push(&mut self, input: bool) -> bool {
        self.against = if input == self.on { 0 } else { self.against + 1 };
        let needed = if self.on { self.off_after } else { self.on_after };
        if self.against >= needed {
            self.on = input;
            self.against = 0;
        }
        self.on
    }

    /// Whether it is on.
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Switches it off.
    pub fn reset(&mut self) {
        (self.on, self.against) = (false, 0);
    }

    fn check(&self) -> Result<()> {
        Debounce::new(self.on_after as usize, self.off_after as usize)?;
        error::size("against", self.against as usize, 0, MAX_WINDOW).map(drop)
    }
}

checked_snapshot!(Debounce);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::testing::{continues_the_same, survives_damage};

    #[test]
    fn waits_for_insistence() {
        let mut debounce = Debounce::new(2, 3).unwrap();
        let inputs = [true, false, true, true, false, false, true, false, false, false];
        let states: Vec<_> = inputs.map(|input| debounce.push(input)).into();
        let expected = [false, false, false, true, true, true, true, true, true, false];
        assert_eq!(states, expected);
        assert!(Debounce::new(0, 1).is_err());
        debounce.push(true);
        continues_the_same(&debounce, |debounce| debounce.push(true));
        survives_damage(&debounce, |debounce| {
            let _ = debounce.push(true);
        });
    }
}
