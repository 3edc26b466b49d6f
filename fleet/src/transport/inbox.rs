//! Messages that are sent without being stored, handed to a thread.

use super::Heard;
use async_nats::Subscriber;
use futures_util::StreamExt;
use std::sync::mpsc::{Receiver, channel};
use tokio::runtime::Runtime;

/// Collects the messages of a subscription until the receiver is dropped.
pub(super) fn collect(runtime: &Runtime, mut subscriber: Subscriber) -> Receiver<Heard> {
    let (sender, receiver) = channel();
    runtime.spawn(async move {
        while let Some(message) = subscriber.next().await {
            let reply = message.reply.map(|reply| reply.to_string());
            if sender.send(Heard { payload: message.payload, reply }).is_err() {
                break;
            }
        }
    });
    receiver
}
