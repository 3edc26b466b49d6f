//! What happens with the points of a stream: one call for each, or one for all of a group that have
//! arrived. The output is the same in both cases: if the call for a chunk fails, its points are handled one by one.

use super::bound::Bound;
use crate::agent::{HandlerError, Mark, Output};
use crate::protocol::{Batch, Point};
use crate::script::api::{LentPoint, SharedBatch};
use crate::script::config::OnError;
use crate::script::error::OutputProblem;
use crate::script::host::Emission;
use crate::script::host::callback::Callback;
use crate::script::host::chunks::{Chunk, Chunks, Round};
use crate::script::host::guard::{ChunkRun, Guard};
use crate::script::host::instance::Call;
use crate::script::state::groups::PointsWait;
use crate::script::throttle::{Throttle, held_back};
use rhai::Dynamic;
use std::ops::Range;
use std::rc::Rc;
use std::time::Instant;

/// The current points, and memory for them.
#[derive(Debug, Default)]
pub(super) struct StreamAtHand {
    /// Points that wait for `points`.
    chunks: Chunks,
    lent: LentPoint,
    /// A chunk of one.
    one: Rc<Batch>,
    /// A point that is read from a chunk.
    point: Point,
    /// Log lines about chunks that fail although their points do not.
    quarrels: Throttle,
}

/// The progress of a round.
#[derive(Debug, Default)]
struct Done {
    /// For each chunk, where its output begins and ends.
    pieces: Vec<Range<Mark>>,
    /// Chunks that were handled by one call, and are not in the journal yet.
    runs: Vec<(usize, ChunkRun)>,
}

/// A chunk whose call failed, or its only point's.
struct Failed {
    number: usize,
    error: HandlerError,
}

impl Bound {
    /// A point of a stream arrives.
    #[inline]
    pub(super) fn stream_point(
        &mut self,
        point: &mut Point,
        output: &mut Output,
    ) -> Result<(), HandlerError> {
        if let Some(guard) = &mut self.guard {
            guard.record_point(point);
        }
        if self.has(Callback::Points) && self.stream.chunks.gathers() {
            return self.gather(point, output);
        }
        let place = self.place(point, output)?;
        self.single(place, point, output)?;
        if let Some(guard) = &mut self.guard {
            guard.record_settled(&self.instance);
        }
        Ok(())
    }

    /// The place of a point's group; points that wait are handled if the group has to make room.
    #[inline]
    fn place(&mut self, point: &Point, output: &mut Output) -> Result<usize, HandlerError> {
        loop {
            match self.instance.arrive(point.group_bytes(), point.time()) {
                Ok(place) => return Ok(place),
                Err(PointsWait) => self.run_chunks(output)?,
            }
        }
    }

    /// Keeps a point until no more has arrived, or enough.
    #[inline]
    fn gather(&mut self, point: &mut Point, output: &mut Output) -> Result<(), HandlerError> {
        let place = self.place(point, output)?;
        let (groups, chunks) = (&mut self.instance.groups, &mut self.stream.chunks);
        match groups.waiting(place) {
            Some(number) => chunks.append(number, point),
            None => {
                let number = chunks.begin(place, point);
                groups.wait(place, number);
            }
        }
        if chunks.is_full() { self.run_chunks(output) } else { Ok(()) }
    }

    /// Handles a point by a call of its own.
    #[inline]
    fn single(
        &mut self,
        place: usize,
        point: &mut Point,
        output: &mut Output,
    ) -> Result<(), HandlerError> {
        let group = self.instance.groups.at(place);
        if self.guard.as_ref().is_none_or(|guard| guard.ignores(group)) {
            let (call, emission) = self.point_call(place, point);
            self.instance.program.host().asked.set(None);
            let began = self.timing.begin();
            let result = self.instance.attempt(call, emission, output);
            if let Some(began) = began {
                self.timing.end(began);
            }
            return result.map(drop).map_err(|failure| failure.error.into());
        }
        self.guarded_single(place, point, output)
    }

    fn guarded_single(
        &mut self,
        place: usize,
        point: &mut Point,
        output: &mut Output,
    ) -> Result<(), HandlerError> {
        if let Some(guard) = &mut self.guard {
            guard.take_point(point);
        }
        let group = point.group_bytes().to_vec();
        let (call, emission) = self.point_call(place, point);
        let mut result = Ok(());
        if let Err(failure) = self.call(call, emission, output) {
            result = match self.settle("the point", failure.error, output) {
                Ok(true) => self.pass_point(output),
                Ok(false) => Ok(()),
                Err(error) => Err(error),
            };
        }
        if let Some(guard) = &mut self.guard {
            guard.finish(&mut self.instance, &group, None);
        }
        result
    }

    /// The call for one point: to `point`, or to `points` with a chunk of one.
    #[inline]
    fn point_call(&mut self, place: usize, point: &mut Point) -> (Call, Emission) {
        if self.has(Callback::Point) {
            let argument = Dynamic::from(self.stream.lent.lend(point));
            return (Call { callback: Callback::Point, place, argument }, Emission::Stream);
        }
        if Rc::get_mut(&mut self.stream.one).is_none() {
            // The script kept it.
            self.stream.one = Rc::default();
        }
        Rc::get_mut(&mut self.stream.one).expect("it is not shared").hold(point);
        let argument = Dynamic::from(SharedBatch(self.stream.one.clone()));
        (Call { callback: Callback::Points, place, argument }, Emission::Chunk)
    }

    fn pass_point(&self, output: &mut Output) -> Result<(), HandlerError> {
        let message = self.guard.as_ref().map(Guard::point).unwrap_or_default();
        let point = Point::from_message(message)?;
        output.point(&point).map_err(|error| OutputProblem(error.to_string()))?;
        Ok(())
    }

    /// True if points may wait to be handled together.
    pub(super) fn gathers(&self) -> bool {
        self.has(Callback::Points)
    }

    /// In a replay, `now()` is the time of the point, or of the latest point of the chunk.
    fn replayed_now(&self, now: i64) {
        let fixed = &self.instance.program.host().now;
        if fixed.get().is_some() {
            fixed.set(Some(now));
        }
    }

    /// Handles the points that wait.
    pub(super) fn run_chunks(&mut self, output: &mut Output) -> Result<(), HandlerError> {
        if self.stream.chunks.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        let mut round = self.stream.chunks.take();
        let result = self.run_round(&mut round, output);
        self.instance.groups.end_waiting();
        if let Some(guard) = &mut self.guard {
            guard.record_settled(&self.instance);
        }
        self.stream.chunks.give_back(round, began.elapsed());
        result
    }

    fn run_round(&mut self, round: &mut Round, output: &mut Output) -> Result<(), HandlerError> {
        output.commit();
        let before = output.mark();
        let host = self.instance.program.host().clone();
        let mut done = Done::default();
        for number in 0..round.len() {
            let begin = output.mark();
            let Chunk { place, len, .. } = *round.chunk(number);
            // A version that was brought back has other places for its groups.
            let place = Rc::ptr_eq(&host, self.instance.program.host()).then_some(place);
            let result = match place {
                Some(place) if len > 1 => self.whole(number, place, &mut done, round, output),
                _ => self.one_by_one(number, place, round, output),
            };
            if let Err(error) = result {
                if self.config.on_error != OnError::Stop {
                    return Err(error);
                }
                let failed = Failed { number, error };
                return self.in_order(failed, &before, &done, round, output);
            }
            output.commit();
            done.pieces.push(begin..output.mark());
        }
        if !round.is_lonely() && round.len() > 1 {
            output.interleave(&done.pieces, &round.order);
        }
        for (number, run) in done.runs {
            self.finish_chunk(number, run, round);
        }
        Ok(())
    }

    /// Handles a chunk of several points by one call; if that fails and errors do not stop the task,
    /// one by one.
    fn whole(
        &mut self,
        number: usize,
        place: usize,
        done: &mut Done,
        round: &mut Round,
        output: &mut Output,
    ) -> Result<(), HandlerError> {
        self.replayed_now(round.chunk(number).batch.tmax);
        let guard = self.guard.as_mut().expect("a script with points has a guard");
        let began = self.timing.begin();
        let result = guard.chunk(&mut self.instance, place, &round.chunk(number).batch, output);
        if let Some(began) = began {
            self.timing.end(began);
        }
        match result {
            // If a later chunk fails, this one may have to be handled again.
            Ok(run) if self.config.on_error == OnError::Stop => done.runs.push((number, run)),
            Ok(run) => self.finish_chunk(number, run, round),
            Err(error) if self.config.on_error == OnError::Stop => return Err(error.into()),
            Err(_) => {
                output.rollback();
                self.one_by_one(number, Some(place), round, output)?;
            }
        }
        Ok(())
    }

    fn finish_chunk(&mut self, number: usize, run: ChunkRun, round: &mut Round) {
        let Chunk { place, batch, .. } = round.chunk(number);
        if let Some(guard) = &mut self.guard {
            guard.finish_chunk(&mut self.instance, *place, batch, run);
        }
    }

    /// Handles the points of a chunk by a call for each.
    fn one_by_one(
        &mut self,
        number: usize,
        place: Option<usize>,
        round: &mut Round,
        output: &mut Output,
    ) -> Result<(), HandlerError> {
        let host = self.instance.program.host().clone();
        for i in 0..round.chunk(number).len {
            let same = Rc::ptr_eq(&host, self.instance.program.host());
            self.next_of(number, i, place.filter(|_| same), round, output)?;
        }
        Ok(())
    }

    /// Handles one point of a chunk; without the place of its group, as if it had just arrived.
    fn next_of(
        &mut self,
        number: usize,
        i: usize,
        place: Option<usize>,
        round: &mut Round,
        output: &mut Output,
    ) -> Result<(), HandlerError> {
        self.instance.program.pulse().renew();
        let mut point = std::mem::take(&mut self.stream.point);
        round.chunk(number).read(i, &mut point);
        self.replayed_now(point.time());
        let place =
            place.unwrap_or_else(|| self.instance.arrive_alone(point.group_bytes(), point.time()));
        let result = self.single(place, &mut point, output);
        self.stream.point = point;
        if result.is_ok() {
            output.commit();
        }
        result
    }

    /// If an error stops the task, the output must not depend on which points had arrived together: the points before
    /// the failing one are handled, and none after it. All points are handled again one by one in the order of their
    /// arrival, up to the error; the outcome of single calls is known already.
    #[cold]
    fn in_order(
        &mut self,
        failed: Failed,
        before: &Mark,
        done: &Done,
        round: &mut Round,
        output: &mut Output,
    ) -> Result<(), HandlerError> {
        let written = output.go_back(before);
        if let Some(guard) = &mut self.guard {
            for (number, _) in &done.runs {
                guard.undo(&mut self.instance, round.chunk(*number).place);
            }
        }
        let host = self.instance.program.host().clone();
        let mut next = vec![0; round.len()];
        for number in std::mem::take(&mut round.order) {
            let number = number as usize;
            let i = next[number];
            next[number] += 1;
            let Chunk { place, len, .. } = *round.chunk(number);
            if len == 1 && number == failed.number {
                return Err(failed.error);
            }
            if len == 1 && number < failed.number {
                output.append(&written, before, &done.pieces[number]);
                output.commit();
                continue;
            }
            let place = Rc::ptr_eq(&host, self.instance.program.host()).then_some(place);
            self.next_of(number, i, place, round, output)?;
        }
        self.tell_quarrel(&failed.error.to_string());
        Ok(())
    }

    /// Logs that `points` failed although the same points one by one did not.
    #[cold]
    fn tell_quarrel(&mut self, error: &str) {
        if let Some(held) = self.stream.quarrels.pass() {
            log::warn!(
                "points fails for a chunk, but not for each of its points alone: {error}; the points were handled one by one, which is slow{}",
                held_back(held)
            );
        }
    }
}
