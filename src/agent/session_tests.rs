use super::*;
use crate::agent::HandlerError;
use crate::protocol::message::{BeginBatch, EndBatch, RequestMessage, request};
use prost::Message as _;

/// Passes points on unchanged, and refuses those with a negative time.
struct Mirror(EdgeType);

impl Handler for Mirror {
    fn info(&mut self) -> Info {
        Info::new(self.0, EdgeType::Stream)
    }
    fn init(&mut self, _: &InitRequest) -> Result<(), HandlerError> {
        Ok(())
    }
    fn point(&mut self, point: &mut Point, output: &mut Output) -> Result<(), HandlerError> {
        output.point(point)?;
        if point.time() < 0 { Err("a negative time".into()) } else { Ok(()) }
    }
}

fn request(message: request::Message) -> Vec<u8> {
    RequestMessage { message: Some(message) }.encode_to_vec()
}

fn point(time: i64) -> Point {
    let mut point = Point::new(time);
    point.set_field("x", 1.5);
    point
}

/// What a session answers to points, given as frames or as they are.
fn conversation(wants: EdgeType, init: bool, times: &[i64], frames: bool) -> String {
    let mut session = Session::new(Mirror(wants));
    if init {
        let init = request(request::Message::Init(InitRequest::default()));
        session.handle(&init).unwrap();
    }
    for time in times {
        let result = if frames {
            let mut message = Vec::new();
            point(*time).put_request(&mut message);
            session.handle(&message)
        } else {
            session.point(&mut point(*time))
        };
        if let Err(error) = result {
            session.fail(&error);
            break;
        }
    }
    format!("{:?} {:?}", session.counts(), session.output().committed())
}

#[test]
fn a_point_without_a_frame_is_handled_as_one_in_a_frame() {
    for (wants, init, times) in [
        (EdgeType::Stream, true, &[1, 2, 3][..]),
        (EdgeType::Stream, true, &[1, -2, 3]),
        (EdgeType::Stream, false, &[1]),
        (EdgeType::Batch, true, &[1]),
    ] {
        let plain = conversation(wants, init, times, false);
        assert_eq!(plain, conversation(wants, init, times, true), "{wants:?} {times:?}");
    }
}

/// Keeps batches, and answers with the number of their points.
#[derive(Default)]
struct Counting(Batch);

impl Handler for Counting {
    fn info(&mut self) -> Info {
        Info::new(EdgeType::Batch, EdgeType::Stream)
    }
    fn init(&mut self, _: &InitRequest) -> Result<(), HandlerError> {
        Ok(())
    }
    fn begin_batch(&mut self, begin: BeginBatch, _: &mut Output) -> Result<(), HandlerError> {
        self.0.begin(begin);
        Ok(())
    }
    fn point(&mut self, point: &mut Point, _: &mut Output) -> Result<(), HandlerError> {
        self.0.push(point);
        Ok(())
    }
    fn batch_points(&mut self, batch: &Batch) -> bool {
        self.0.extend(batch);
        true
    }
    fn end_batch(&mut self, _: EndBatch, output: &mut Output) -> Result<(), HandlerError> {
        self.0.points().try_for_each(|point| output.point(&point))?;
        Ok(())
    }
}

#[test]
fn points_of_a_batch_that_are_handed_over_at_once_are_handled_as_frames() {
    let mut batch = Batch::default();
    [1, 2].into_iter().for_each(|time| batch.push(&point(time)));
    let answered = |whole: bool| {
        let mut session = Session::new(Counting::default());
        assert!(session.batch_points(&batch).is_err(), "before init");
        session.handle(&request(request::Message::Init(InitRequest::default()))).unwrap();
        assert!(session.batch_points(&batch).is_err(), "outside of a batch");
        session.handle(&request(request::Message::Begin(batch.begin_message()))).unwrap();
        if whole {
            assert!(session.batch_points(&batch).unwrap());
        } else {
            batch.points().for_each(|mut point| session.point(&mut point).unwrap());
        }
        session.handle(&request(request::Message::End(batch.end_message()))).unwrap();
        format!("{:?} {:?}", session.counts(), session.output().committed())
    };
    assert_eq!(answered(true), answered(false));
    let mut other = Session::new(Mirror(EdgeType::Batch));
    other.handle(&request(request::Message::Init(InitRequest::default()))).unwrap();
    other.handle(&request(request::Message::Begin(batch.begin_message()))).unwrap();
    assert!(!other.batch_points(&batch).unwrap());
}
